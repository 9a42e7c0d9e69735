"""Rows of samples with what people decided and what the ranking says."""

import pytest

from app.db.engine import Database
from app.deck.filters import Filter
from app.deck.table import SampleRow, rows
from app.review.checks import Answer
from app.review.decisions import decide
from app.review.fold import Policy
from app.review.standing import set_policy
from app.review.undoing import undo
from tests.conftest import People
from tests.factories import Made


@pytest.fixture
def two_looks(database: Database, made: Made) -> None:
    with database.write() as session:
        set_policy(session, dataset_id=made.dataset_id, policy=Policy(2, "all", 1.0, "anyone"))


def answer(database: Database, made: Made, user: object, verdict: str, **options: object) -> int:
    with database.write() as session:
        said = Answer(sample_id=made.sample_ids[0], verdict=verdict, client_id=f"{user}{verdict}", **options)
        decision, _ = decide(session, said, dataset_id=made.dataset_id, user_id=user.id)
        return decision.id


def first(database: Database, made: Made) -> SampleRow:
    with database.read() as session:
        return rows(session, dataset_id=made.dataset_id, which=Filter(), after=0, limit=1)[0]


def test_a_row_tells_how_sure_a_label_is_and_who_said_so(
    database: Database, people: People, made: Made, two_looks: None
) -> None:
    found = first(database, made)
    assert (found.status, found.reviews, found.reviewers, found.verdict) == ("unreviewed", 0, (), None)
    assert found.label == found.sample.given_label
    ann = answer(database, made, people.annotator, "keep")
    found = first(database, made)
    assert (found.status, found.waits, found.reviewers) == ("single", "second", ("ann",))
    answer(database, made, people.other, "keep")
    found = first(database, made)
    assert (found.status, found.waits, found.reviews, found.reviewers) == ("agreed", "", 2, ("ann", "bob"))
    with database.write() as session:
        undo(session, user_id=people.annotator.id, decision_id=ann)
    assert first(database, made).reviewers == ("bob",)


def test_a_row_of_a_deleted_sample_has_no_label_and_one_that_is_ranked_has_scores(
    database: Database, people: People, made: Made
) -> None:
    answer(database, made, people.annotator, "delete")
    found = first(database, made)
    assert (found.label, found.verdict, found.status) == (None, "delete", "single")
    assert found.prediction is not None
    assert found.prediction.sample_id == found.sample.id
