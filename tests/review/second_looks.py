"""Second opinions as their tests need them: a policy, answers, and who is offered which card."""

import uuid
from datetime import timedelta

from app.db.engine import Database
from app.deck.worklist import claim
from app.review.checks import Answer
from app.review.claims import release
from app.review.decisions import decide
from app.review.fold import Policy
from app.review.standing import set_policy
from tests.factories import Made

CHANGES = Policy(annotators=2, which="changes")


def ask(database: Database, made: Made, policy: Policy = CHANGES) -> None:
    with database.write() as session:
        set_policy(session, dataset_id=made.dataset_id, policy=policy)


def say(
    database: Database,
    made: Made,
    user_id: int,
    sample: int,
    verdict: str,
    label: str | None = None,
    origin: str = "deck",
) -> int:
    with database.write() as session:
        return decide(
            session,
            Answer(
                sample_id=sample, verdict=verdict, label=label, client_id=str(uuid.uuid4()), origin=origin
            ),
            dataset_id=made.dataset_id,
            user_id=user_id,
        )[0].id


def offered(database: Database, made: Made, user_id: int, count: int = 6) -> dict[int, bool]:
    """Which cards somebody gets, and whether blind."""
    with database.write() as session:
        cards = claim(
            session, dataset_id=made.dataset_id, user_id=user_id, count=count, lease=timedelta(minutes=5)
        ).cards
        release(session, dataset_id=made.dataset_id, user_id=user_id)
    return {card.sample_id: card.blind for card in cards}
