"""What others read of an export: pandas and torchvision, on a small data set of their own."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.datasets.creating import create_dataset
from app.datasets.importing import import_images
from app.datasets.versions import latest_version
from app.db.engine import Database
from app.export.exporting import export_version
from app.export.rows import COLUMNS
from tests.factories import photo


def import_folder(database: Database, folder: Path) -> int:
    """Its version 0."""
    with database.write() as session:
        dataset_id = create_dataset(session, name="pets", source=str(folder)).id
    import_images(
        database,
        dataset_id=dataset_id,
        max_pixels=100,
        on_progress=lambda *_: None,
        should_stop=lambda: False,
    )
    with database.read() as session:
        return latest_version(session, dataset_id=dataset_id).id


@pytest.fixture
def exports(sqlite_url: str, tmp_path: Path) -> dict[str, bytes]:
    """The formats of a data set of three nasty classes; two files have no image's suffix."""
    random = np.random.default_rng(0)
    for folder in ("=cat", "a%2Fb", "dog"):
        for name in ("0.png", "1.png", "2.png", "3.jpg", "4", "5.dat"):
            path = tmp_path / "pets" / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(random.integers(0, 255, (4, 4), dtype=np.uint8)).save(
                path, "JPEG" if name == "3.jpg" else "PNG"
            )
    database = Database(sqlite_url)
    version_id = import_folder(database, tmp_path / "pets")
    with database.read() as session:
        made = {
            name: export_version(session, version_id=version_id, format=name)
            for name in ("csv", "csv-excel", "jsonl", "imagefolder")
        }
    contents = {name: b"".join(export.chunks) for name, export in made.items()}
    database.close()
    return contents


def test_pandas_reads_both_tables(exports: dict[str, bytes]) -> None:
    import pandas as pd

    for frame in (
        pd.read_csv(io.BytesIO(exports["csv"])),
        pd.read_json(io.BytesIO(exports["jsonl"]), lines=True),
    ):
        assert tuple(frame.columns) == COLUMNS
        assert len(frame) == 18
        assert frame["split"].value_counts().to_dict() == {"train": 15, "valid": 3}
    spreadsheet = pd.read_csv(io.BytesIO(exports["csv-excel"]))
    assert set(spreadsheet["label"]) == {"'=cat", "a/b", "dog"}


def test_names_that_look_like_numbers_formulas_or_nothing_come_out_as_they_went_in(
    sqlite_url: str, tmp_path: Path
) -> None:
    import pandas as pd

    names = {"NA", "null", "007", "1e5", "-1", "+1", "@home", "=cmd", 'say "hi"', "a,b"}
    for number, name in enumerate(sorted(names)):
        path = tmp_path / "odd" / name / " - 1.png"
        path.parent.mkdir(parents=True)
        Image.fromarray(np.full((4, 4), 20 * number, dtype=np.uint8)).save(path)
    database = Database(sqlite_url)
    version_id = import_folder(database, tmp_path / "odd")
    with database.read() as session:
        plain = export_version(session, version_id=version_id, format="csv")
        zipped = export_version(session, version_id=version_id, format="imagefolder")
    archive = zipfile.ZipFile(io.BytesIO(b"".join(zipped.chunks)))
    for content in (b"".join(plain.chunks), archive.read("manifest.csv")):
        frame = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)
        assert set(frame["label"]) == set(frame["given_label"]) == names
        assert set(frame["path"]) == {f"{name}/ - 1.png" for name in names}
    database.close()


def test_torchvision_finds_every_image_by_its_class(exports: dict[str, bytes], tmp_path: Path) -> None:
    from torchvision.datasets import ImageFolder

    zipfile.ZipFile(io.BytesIO(exports["imagefolder"])).extractall(tmp_path / "out")
    images = {split: ImageFolder(str(tmp_path / "out" / split)) for split in ("train", "valid")}
    assert {split: len(found) for split, found in images.items()} == {"train": 15, "valid": 3}
    listed = (tmp_path / "out" / "classes.txt").read_text().splitlines()
    assert listed == images["train"].classes
    assert images["train"].classes == images["valid"].classes == ["=cat", "a%2Fb", "dog"]


def test_torchvision_numbers_the_classes_alike_where_a_part_has_no_image_of_one(
    sqlite_url: str, tmp_path: Path
) -> None:
    from torchvision.datasets import ImageFolder

    for number, folder in enumerate(
        ("train/ant", "train/cat", "train/dog", "valid/bee", "valid/cat", "valid/dog")
    ):
        (tmp_path / "pets" / folder).mkdir(parents=True)
        for i in range(2):
            (tmp_path / "pets" / folder / f"{i}.png").write_bytes(
                photo((40 * number, 90 * i, 7), size=(6, 6))
            )
    database = Database(sqlite_url)
    version_id = import_folder(database, tmp_path / "pets")
    with database.read() as session:
        made = export_version(session, version_id=version_id, format="imagefolder")
    zipfile.ZipFile(io.BytesIO(b"".join(made.chunks))).extractall(tmp_path / "out")
    database.close()

    # As the documentation says to read it.
    train = ImageFolder(str(tmp_path / "out" / "train"), allow_empty=True)
    valid = ImageFolder(str(tmp_path / "out" / "valid"), allow_empty=True)
    names = (tmp_path / "out" / "classes.txt").read_text().splitlines()
    assert train.classes == valid.classes == names == ["ant", "bee", "cat", "dog"]
    for found in (train, valid):
        assert {(Path(path).parent.name, number) for path, number in found.samples} <= {
            (name, number) for number, name in enumerate(names)
        }
    assert len(train) == len(valid) == 6
