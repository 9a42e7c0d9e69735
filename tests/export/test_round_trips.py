"""What is exported can be imported again and gives the same labels, parts and classes."""

from pathlib import Path

import pytest
from sqlalchemy import select

from app.datasets.catalog import class_names
from app.datasets.label_reading import StatedColumns
from app.datasets.models import Dataset, Sample
from app.datasets.naming import folder_name
from app.datasets.sources import named_labels, resolve_images
from app.datasets.versions import latest_version
from app.db.engine import Database
from app.export.exporting import export_version, write_export
from tests.datasets.labels.test_placing import bring
from tests.datasets.test_importing import png, write

NAMES = (
    *("007", "NA", "null", "=1+1", "a,b", 'he said "hi"', "日本語", "-minus", "'=q", "Grün", "50%", "con"),
    *("CLASS", "class", "True"),
)
TABLES = {"csv": "csv", "csv-excel": "csv", "jsonl": "jsonl", "parquet": "parquet", "label-studio": "zip"}
WITH_IMAGES = ("imagefolder", "huggingface", "fiftyone")


def awkward(root: Path) -> Path:
    """Equal file names, a file without a suffix, a class of one image, one without validation images."""
    files: dict[str, bytes] = {}
    for number, name in enumerate(NAMES):
        for part, count in (
            ("train", 1 if number == 1 else 2),
            ("valid", 0 if number < 2 else 1),
            ("test", 1),
        ):
            for i in range(count if number != 1 or part == "train" else 0):
                suffix = "" if number == 3 else ".png"
                files[f"{part}/{folder_name(name)}/{i}{suffix}"] = png(len(files) * 3 % 256, size=8 + number)
    return write(root, files)


def labels(database: Database, name: str) -> dict[str, tuple[str, str]]:
    """Label and part of each image, by its content."""
    with database.read() as session:
        dataset = session.scalars(select(Dataset).where(Dataset.name == name)).one()
        names = class_names(session, dataset_id=dataset.id)
        found = session.scalars(select(Sample).where(Sample.dataset_id == dataset.id))
        return {sample.sha256: (names[sample.given_label], sample.split) for sample in found}


def exported(database: Database, kind: str, path: Path) -> Path:
    with database.read() as session:
        version = latest_version(session, dataset_id=1)
        made = export_version(session, version_id=version.id, format=kind)
    write_export(made, path)
    return path


@pytest.mark.parametrize("kind", [*TABLES, *WITH_IMAGES])
def test_an_export_comes_in_again_with_the_same_labels(database: Database, tmp_path: Path, kind: str) -> None:
    source = awkward(tmp_path / "images")
    bring(database, source)
    before = labels(database, "pets")
    assert len(before) > 50
    file = exported(database, kind, tmp_path / f"export.{TABLES.get(kind, 'zip')}")
    uploads = tmp_path / "uploads"
    if kind in TABLES:
        said = named_labels(str(file), source=str(source), uploads_dir=uploads, columns=StatedColumns())
        bring(database, source, labels=said, dataset="again")
    else:
        origin, inside = resolve_images(str(file), uploads_dir=uploads)
        bring(database, Path(origin.source), labels=inside, dataset="again")
    assert labels(database, "again") == before
