"""All decisions on a sample, oldest first."""

from app.db.engine import Database
from app.deck.bulk import decide_many
from app.deck.history import history_of
from app.review.checks import Answer
from app.review.decisions import decide
from app.review.undoing import undo
from tests.conftest import People
from tests.factories import Made


def test_every_decision_is_shown_with_its_person_its_place_and_whether_it_was_undone(
    database: Database, made: Made, people: People
) -> None:
    sample, me = made.ranked[0], {"dataset_id": made.dataset_id}
    with database.write() as session:
        shown = {"run_id": made.run_id, "milliseconds": 900}
        answer = Answer(sample_id=sample, verdict="delete", client_id="a", **shown)
        first, _ = decide(session, answer, **me, user_id=people.annotator.id)
        undo(session, user_id=people.annotator.id, decision_id=first.id)
        many = {"samples": made.ranked[:3], "client_id": "many", "user_id": people.admin.id}
        decide_many(session, **me, **many, verdict="keep", label=None)
        answer = Answer(sample_id=sample, verdict="relabel", label="owl", client_id="a", origin="sample")
        decide(session, answer, **me, user_id=people.other.id)
        another = Answer(sample_id=made.ranked[1], verdict="delete", client_id="b")
        decide(session, another, **me, user_id=people.other.id)
    with database.read() as session:
        undone, bulk, last = history_of(session, **me, sample_id=sample)
    assert [(each.who, each.verdict, each.label, each.one_of) for each in (undone, bulk, last)] == [
        ("ann", "delete", None, None),
        ("ada", "keep", None, 3),
        ("bob", "relabel", "owl", None),
    ]
    assert (undone.run_id, undone.rank, undone.milliseconds) == (made.run_id, 1, 900)
    assert undone.undone_at is not None
    assert undone.undone_at >= undone.at
    assert (bulk.undone_at, last.undone_at) == (None, None)
    assert last.origin == "sample"


def test_a_sample_that_nobody_decided_has_no_history(database: Database, made: Made) -> None:
    with database.read() as session:
        assert history_of(session, dataset_id=made.dataset_id, sample_id=made.ranked[0]) == ()
        assert history_of(session, dataset_id=made.dataset_id + 1, sample_id=made.ranked[0]) == ()
