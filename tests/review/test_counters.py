"""Progress counters of a data set."""

import uuid

from app.db.engine import Database
from app.deck.bulk import decide_many
from app.review import counters
from app.review.checks import Answer
from app.review.decisions import decide
from tests.conftest import People
from tests.factories import Made


def test_counts_are_of_samples_and_the_last_looks_leave_out_bulk_actions_and_audits(
    database: Database, made: Made, people: People
) -> None:
    me = {"dataset_id": made.dataset_id, "user_id": people.annotator.id}
    answers = (("keep", "deck"), ("delete", "deck"), ("unsure", "audit"), ("keep", "sample"))
    with database.write() as session:
        for sample, (verdict, origin) in zip(made.ranked, answers, strict=False):
            once = {"client_id": str(uuid.uuid4()), "origin": origin, "milliseconds": 1000 + sample}
            decide(session, Answer(sample_id=sample, verdict=verdict, **once), **me)
        many = {"samples": made.ranked[8:11], "verdict": "delete", "client_id": "many"}
        decide_many(session, dataset_id=made.dataset_id, user_id=people.other.id, **many)
    with database.read() as session:
        found = counters.counts(session, dataset_id=made.dataset_id)
        looks = counters.last_looks(session, dataset_id=made.dataset_id)
        left = counters.open_issues(session, run_id=made.run_id)
    assert (found.reviewed, found.found, found.unsure, found.in_bulk) == (7, 4, 1, 3)
    assert found.by_user == {people.annotator.id: 4, people.other.id: 3}
    assert [(each.verdict, each.milliseconds) for each in looks] == [
        ("keep", 1000 + made.ranked[3]),
        ("delete", 1000 + made.ranked[1]),
        ("keep", 1000 + made.ranked[0]),
    ]
    assert left == 10 - 6  # of ten issues four were looked at alone and two got the verdict for many
    assert looks.maxlen == counters.WINDOW
