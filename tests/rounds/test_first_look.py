"""An import is looked at once; images that come later are looked at too."""

from pathlib import Path

from app.datasets.versions import latest_version, list_versions
from app.db.engine import Database
from app.rounds.first_look import look_at_new_images
from tests.factories import import_folder, write_images


def test_the_images_of_an_import_are_looked_at_once(database: Database, tmp_path: Path) -> None:
    dataset_id = import_folder(database, write_images(tmp_path))
    with database.write() as session:
        run = look_at_new_images(session, dataset_id=dataset_id)
        assert run is not None
        assert run.version_id == latest_version(session, dataset_id=dataset_id).id
        assert look_at_new_images(session, dataset_id=dataset_id) is None
        assert len(list_versions(session, dataset_id=dataset_id)) == 1


def test_new_images_are_looked_at_in_a_version_that_has_them(database: Database, tmp_path: Path) -> None:
    dataset_id = import_folder(database, write_images(tmp_path))
    with database.write() as session:
        look_at_new_images(session, dataset_id=dataset_id)
    import_folder(database, write_images(tmp_path, per_class=7))
    with database.write() as session:
        run = look_at_new_images(session, dataset_id=dataset_id)
        newest = latest_version(session, dataset_id=dataset_id)
        assert run is not None
        assert (run.version_id, newest.number) == (newest.id, 1)


def test_a_data_set_without_images_is_not_looked_at(database: Database) -> None:
    with database.write() as session:
        assert look_at_new_images(session, dataset_id=1) is None
