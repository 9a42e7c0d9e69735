"""Answers to samples, and what follows from them, as the tests of decisions need them."""

import uuid

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.engine import Database
from app.review.checks import Answer
from app.review.decisions import decide
from app.review.models import Decision, SampleReview
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


def state(database: Database, sample: int) -> tuple[str, int | None] | None:
    with database.read() as session:
        review = session.get(SampleReview, sample)
        return (review.verdict, review.label) if review else None


def history(session: Session, *, sample_id: int) -> list[Decision]:
    """Every decision on a sample and every undo, in the order they were made."""
    return list(
        session.scalars(select(Decision).where(Decision.sample_id == sample_id).order_by(Decision.id))
    )
