"""An import is looked at once; images that come later are looked at too."""

from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from app.datasets.versions import latest_version, list_versions
from app.db.engine import Database
from app.deck.progress import pending_changes
from app.errors import Conflict, NotNow
from app.review.checks import Answer
from app.review.decisions import decide
from app.rounds.first_look import can_look_again, look_again, look_at_new_images
from tests.conftest import People
from tests.factories import Made, import_folder, make_first_look, write_images


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


def test_corrected_labels_are_looked_at_again_once(database: Database, made: Made, people: People) -> None:
    def can_look(session: Session) -> bool:
        pending = pending_changes(session, dataset_id=made.dataset_id)
        return can_look_again(session, dataset_id=made.dataset_id, pending=pending)

    first = make_first_look(database, made.dataset_id, made.version_id)
    with database.write() as session:
        assert not can_look(session)
        with pytest.raises(Conflict, match=f"No label has changed since the first look of Model {first}"):
            look_again(session, dataset_id=made.dataset_id)
        answer = Answer(sample_id=made.ranked[0], verdict="delete", client_id="1", origin="deck")
        decide(session, answer, dataset_id=made.dataset_id, user_id=people.annotator.id)
        assert can_look(session)
        run, version = look_again(session, dataset_id=made.dataset_id)
        assert (run.kind, version.number, version.deleted) == ("first look", 1, 1)
        with pytest.raises(NotNow, match=f"Model {run.id}, a first look, is queued; wait"):
            look_again(session, dataset_id=made.dataset_id)
        assert not can_look(session)


def test_a_data_set_without_images_is_not_looked_at(database: Database) -> None:
    with database.write() as session:
        assert look_at_new_images(session, dataset_id=1) is None
