"""The strip of an annotator's recent decisions."""

from app.db.engine import Database
from app.review.recent import recent
from app.review.undoing import undo_last
from tests.conftest import People
from tests.factories import Made
from tests.review.answers import answer


def test_the_last_decisions_are_shown_newest_first_without_undone_ones(
    database: Database, made: Made, people: People
) -> None:
    for sample in made.ranked[:3]:
        answer(database, made, people.annotator.id, sample, "relabel", "owl")
    with database.write() as session:
        undo_last(session, dataset_id=made.dataset_id, user_id=people.annotator.id)
    with database.read() as session:
        shown = recent(session, dataset_id=made.dataset_id, user_id=people.annotator.id)
    assert [(item.sample_id, item.label) for item in shown] == [
        (made.ranked[1], "owl"),
        (made.ranked[0], "owl"),
    ]
