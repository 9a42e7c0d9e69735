"""Samples whose annotators disagree: their answers side by side."""

import uuid

import pytest

from app.db.engine import Database
from app.deck.adjudication import count_disagreements, disagreements
from app.review.checks import Answer
from app.review.decisions import decide
from app.review.fold import Policy
from app.review.standing import set_policy
from tests.conftest import People
from tests.factories import Made


@pytest.fixture
def two_opinions(database: Database, made: Made) -> None:
    """Each change waits for a second person."""
    with database.write() as session:
        set_policy(session, dataset_id=made.dataset_id, policy=Policy(annotators=2, which="changes"))


def say(
    database: Database, made: Made, user_id: int, sample: int, verdict: str, label: str | None = None
) -> None:
    with database.write() as session:
        answer = Answer(sample_id=sample, verdict=verdict, label=label, client_id=str(uuid.uuid4()))
        decide(session, answer, dataset_id=made.dataset_id, user_id=user_id)


@pytest.mark.usefixtures("two_opinions")
def test_the_last_answer_of_each_annotator_is_shown_with_what_the_run_predicts(
    database: Database, made: Made, people: People
) -> None:
    sample = made.ranked[0]
    say(database, made, people.annotator.id, sample, "delete")
    say(database, made, people.annotator.id, sample, "relabel", "owl")
    say(database, made, people.other.id, sample, "delete")
    with database.read() as session:
        [found] = disagreements(session, dataset_id=made.dataset_id, limit=5)
    assert [(each.who, each.verdict, each.label) for each in found.opinions] == [
        ("ann", "relabel", "owl"),
        ("bob", "delete", None),
    ]
    assert (found.sample_id, found.given_label, found.predicted_label) == (sample, "cat", "dog")
    assert found.path in made.paths
    assert not found.gold


@pytest.mark.usefixtures("two_opinions")
def test_what_waits_longest_comes_first_and_agreement_does_not_wait(
    database: Database, made: Made, people: People
) -> None:
    first, second, agreed = made.ranked[2], made.ranked[1], made.ranked[0]
    for sample in (first, second):
        say(database, made, people.annotator.id, sample, "delete")
        say(database, made, people.other.id, sample, "relabel", "owl")
    for user in (people.annotator, people.other):
        say(database, made, user.id, agreed, "delete")
    with database.read() as session:
        assert count_disagreements(session, dataset_id=made.dataset_id) == 2
        found = disagreements(session, dataset_id=made.dataset_id, limit=5)
        assert [each.sample_id for each in found] == [first, second]
        assert len(disagreements(session, dataset_id=made.dataset_id, limit=1)) == 1
        assert count_disagreements(session, dataset_id=made.dataset_id + 1) == 0
