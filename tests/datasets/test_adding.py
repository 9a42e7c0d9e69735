"""Images are added to a data set as a part of their own."""

import io
import shutil
from pathlib import Path

import pytest
from sqlalchemy import select

from app.datasets.adding import add_part, look_at_part, pack_files, read_part
from app.datasets.catalog import get_dataset
from app.datasets.layout_choice import StatedLayout
from app.datasets.models import MissingFile, Sample
from app.datasets.removing import begin_removal, finish_removals
from app.db.engine import Database
from app.errors import Cancelled, Conflict
from app.settings import Settings
from app.storage import Origin
from tests.factories import Made, photo, write_images


def add(database: Database, origin: Origin, *, folders: StatedLayout | None = None, stop: int = -1) -> int:
    """Add a source; the answer is how many samples it brought."""
    found, reading = look_at_part(origin, folders=folders)
    with database.write() as session:
        part = add_part(session, get_dataset(session, name="faces"), origin, found, reading)
    asked = iter(range(10**6))
    return read_part(
        database, part, max_pixels=10**6, should_stop=lambda: stop >= 0 and next(asked) >= stop
    ).samples


def paths(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(select(Sample.path).order_by(Sample.id)))


def test_what_was_stopped_continues_and_nothing_is_doubled(
    database: Database, made: Made, tmp_path: Path
) -> None:
    origin = Origin(str(write_images(tmp_path / "more", seed=4)))
    with pytest.raises(Cancelled):
        add(database, origin, stop=3)
    some = len(paths(database)) - 24
    assert 0 < some < 24
    assert add(database, origin) == 24 - some
    assert add(database, origin) == 0
    assert sum(path.startswith("added-1/") for path in paths(database)) == 24


def test_the_images_of_another_source_are_not_doubled_unless_their_label_differs_or_their_file_is_missing(
    database: Database, made: Made, tmp_path: Path
) -> None:
    with database.read() as session:
        faces = get_dataset(session, name="faces")
        given, source = session.scalars(select(Sample).order_by(Sample.id)).first(), Path(faces.source)
    assert given is not None
    for folder in ("copy", "renamed/and/deeper"):
        copy = tmp_path / folder
        shutil.copytree(source, copy)
        assert add(database, Origin(str(copy))) == 0
    other = tmp_path / "other" / "fox"
    other.mkdir(parents=True)
    shutil.copy(source / given.path, other / "known.png")
    shutil.copy(source / given.path, other / "twice.png")
    assert add(database, Origin(str(other.parent))) == 2  # two of one source are kept, as by an import
    with database.write() as session:
        session.add(MissingFile(sample_id=given.id, dataset_id=given.dataset_id, reason="missing"))
    back = tmp_path / "back"
    shutil.copytree(source, back)
    assert add(database, Origin(str(back))) == 1
    assert paths(database)[-1] == f"added-4/{given.path}"


def test_the_main_source_is_imported_again_not_added(database: Database, made: Made) -> None:
    with database.read() as session:
        origin = get_dataset(session, name="faces").origin
    with pytest.raises(Conflict, match="import it again"):
        add(database, origin)


def test_equal_names_of_single_files_are_told_apart_and_the_zip_goes_with_the_data_set(
    database: Database, settings: Settings, made: Made
) -> None:
    sent = [("x/a.png", io.BytesIO(photo((i, 2, 3)))) for i in (1, 200)]
    origin = pack_files(sent, class_name="a/b", uploads_dir=settings.uploads_dir)
    assert add(database, origin, folders=StatedLayout()) == 2
    assert [path.name for path in settings.uploads_dir.iterdir()] == [Path(origin.source).name]
    with database.write() as session:
        begin_removal(session, get_dataset(session, name="faces"))
    finish_removals(database, settings)
    assert list(settings.uploads_dir.iterdir()) == []
