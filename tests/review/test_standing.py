"""What the state of a sample does to the cards that people hold."""

import uuid
from datetime import timedelta

from sqlalchemy import select

from app.db.engine import Database
from app.deck.worklist import claim
from app.review.checks import Answer
from app.review.decisions import decide
from app.review.fold import Policy
from app.review.models import Claim
from app.review.standing import set_policy
from app.review.undoing import undo
from tests.conftest import People
from tests.factories import Made

LEASE = timedelta(minutes=5)


def unsure(database: Database, made: Made, user_id: int, sample: int) -> int:
    with database.write() as session:
        done, _ = decide(
            session,
            Answer(sample_id=sample, verdict="unsure", client_id=str(uuid.uuid4())),
            dataset_id=made.dataset_id,
            user_id=user_id,
        )
    return done.id


def takes(database: Database, made: Made, user_id: int) -> None:
    with database.write() as session:
        claim(session, dataset_id=made.dataset_id, user_id=user_id, count=4, lease=LEASE)


def holder(database: Database, sample: int) -> int | None:
    with database.read() as session:
        return session.scalar(select(Claim.user_id).where(Claim.sample_id == sample))


def test_a_second_look_leaves_the_hands_when_the_first_answer_is_undone(
    database: Database, made: Made, people: People
) -> None:
    """The card was shown blind; now it is an ordinary one."""
    sample = made.ranked[0]
    first = unsure(database, made, people.annotator.id, sample)
    takes(database, made, people.other.id)
    assert holder(database, sample) == people.other.id
    with database.write() as session:
        undo(session, user_id=people.annotator.id, decision_id=first)
    assert holder(database, sample) is None


def test_a_second_look_stays_in_the_hands_where_another_policy_asks_for_it_too(
    database: Database, made: Made, people: People
) -> None:
    sample = made.ranked[0]
    unsure(database, made, people.annotator.id, sample)
    takes(database, made, people.other.id)
    with database.write() as session:
        set_policy(session, dataset_id=made.dataset_id, policy=Policy(annotators=2, which="all"))
    assert holder(database, sample) == people.other.id
