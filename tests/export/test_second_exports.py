"""What was exported is imported again: the same labels, parts and classes, and then the same bytes."""

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from app.commands.folders import chooser
from app.datasets.creating import create_dataset
from app.datasets.importing import import_images
from app.datasets.label_reading import StatedColumns
from app.datasets.layout_choice import StatedLayout
from app.datasets.models import LabelClass, Sample
from app.datasets.sources import named_labels, resolve_images
from app.datasets.versions import labels_of, latest_version
from app.db.engine import Database
from app.db.migrating import migrate
from app.export.formats import FORMATS
from tests.export.awkward import awkward, faces
from tests.export.pets import content, review

TABLES = ("csv", "jsonl", "parquet", "fastai", "label-studio")  # beside the images
FOLDERS = ("imagefolder", "huggingface", "fiftyone")  # with the images


class Place:
    """A database of its own with one data set."""

    def __init__(self, folder: Path, source: Path, labels: Path | None = None) -> None:
        folder.mkdir()
        url = f"sqlite:///{folder}/toploss.sqlite"
        migrate(url)
        self.folder, self.database = folder, Database(url)
        uploads = folder / "uploads"
        uploads.mkdir()
        origin, stated = resolve_images(
            str(source), uploads_dir=uploads, zip_encoding=None, follow_links=False, label_column=""
        )
        if labels:
            stated = named_labels(
                str(labels), source=str(source), uploads_dir=uploads, columns=StatedColumns()
            )
        with self.database.write() as session:
            dataset_id = create_dataset(session, name="pets", source=origin).id
        import_images(
            self.database,
            dataset_id=dataset_id,
            max_pixels=10_000,
            on_progress=lambda *_: None,
            should_stop=lambda: False,
            choose=chooser(StatedLayout(labels=stated) if stated else None, yes=True, before=lambda: None),
        )
        with self.database.read() as session:
            self.version_id = latest_version(session, dataset_id=dataset_id).id

    def labels(self, version_id: int | None = None) -> set[tuple[str, str, str]]:
        """(sha256, part, class) of every sample."""
        with self.database.read() as session:
            found = labels_of(session, version_id=version_id or self.version_id)
            names = session.scalars(select(LabelClass.name).order_by(LabelClass.position)).all()
        assert len(set(found.sha256)) == len(found.sha256)
        return set(
            zip(found.sha256, found.splits, [names[label] for label in found.labels.tolist()], strict=True)
        )

    def file(self, form: str, version_id: int | None = None) -> Path:
        """An export as a file."""
        file = self.folder / f"labels{FORMATS[form].suffix}"
        file.write_bytes(content(self.database, version_id or self.version_id, form))
        return file


def kept(labels: set[tuple[str, str, str]], converted: set[str]) -> set[tuple[str, str, str]]:
    return {each for each in labels if each[0] not in converted}


@pytest.mark.parametrize("write", [faces, awkward])
@pytest.mark.parametrize("form", [*TABLES, *FOLDERS])
def test_an_export_that_is_imported_again_has_equal_labels_parts_and_classes(
    tmp_path: Path, form: str, write: Callable[[Path], Path]
) -> None:
    images = write(tmp_path / "images")
    first = Place(tmp_path / "first", images)
    with first.database.read() as session:
        paths = session.scalars(
            select(Sample.path).where(Sample.split == "train").order_by(Sample.path)
        ).all()
        names = session.scalars(select(LabelClass.name).order_by(LabelClass.position)).all()
        converted = set(session.scalars(select(Sample.sha256).where(Sample.format == "GIF")))
    version = review(first.database, {paths[0]: names[-1], paths[7]: names[1]})

    def again(number: int, file: Path) -> Place:
        place = tmp_path / f"place{number}"
        if form in FOLDERS:  # unpacked: from a zip the samples have numbers in its order
            shutil.unpack_archive(file, tmp_path / f"unpacked{number}")
            return Place(place, tmp_path / f"unpacked{number}")
        labels = file
        if file.suffix == ".zip":
            with zipfile.ZipFile(file) as zipped:
                labels = Path(zipped.extract("tasks.json", tmp_path / f"tasks{number}"))
        return Place(place, images, labels)

    second = again(2, first.file(form, version))
    wanted = first.labels(version)
    if form in FOLDERS:  # a GIF comes back as another file
        assert kept(wanted, converted) <= second.labels()
        assert len(second.labels()) == len(wanted)
        assert {each[1:] for each in second.labels()} == {each[1:] for each in wanted}
    else:
        assert second.labels() == wanted
    made = second.file(form)
    third = again(3, made)
    assert third.file(form).read_bytes() == made.read_bytes()
    for place in (first, second, third):
        place.database.close()
    shutil.rmtree(images)
