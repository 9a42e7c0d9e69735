"""The strip of an annotator's recent decisions."""

import uuid

from app.db.engine import Database
from app.review.checks import Answer
from app.review.decisions import decide
from app.review.recent import recent
from app.review.undoing import undo_last
from tests.conftest import People
from tests.factories import Made


def answer(
    database: Database,
    made: Made,
    user_id: int,
    sample: int,
    verdict: str,
    label: str | None = None,
    client_id: str = "",
) -> int:
    with database.write() as session:
        decision, _ = decide(
            session,
            Answer(sample_id=sample, verdict=verdict, label=label, client_id=client_id or str(uuid.uuid4())),
            dataset_id=made.dataset_id,
            user_id=user_id,
        )
        return decision.id


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
