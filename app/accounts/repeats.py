"""Answers to requests that carry a key of their own, kept for a day: sent again, nothing is made twice."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.accounts.models import KeptAnswer
from app.db.types import now
from app.errors import Conflict, Invalid

KEPT = timedelta(days=1)
LONGEST = timedelta(hours=1)  # of a request: after it one without an answer counts as lost


@dataclass(frozen=True)
class Kept:
    """An answer as it was given."""

    body: str  # digest of the request's body
    status: int
    headers: Mapping[str, str]
    content: bytes


def begin(session: Session, *, user_id: int, key: str, asked: str) -> Kept | None:
    """Claim the key for a request, `asked` being its method and address; or the answer that it got before.

    Raises Invalid where the key was used for another request; Conflict while that is being answered.
    """
    session.execute(delete(KeptAnswer).where(KeptAnswer.created_at < now() - KEPT))
    found = session.get(KeptAnswer, (user_id, key))
    if found is not None and found.status is None and found.created_at < now() - LONGEST:
        session.delete(found)
        session.flush()
        found = None
    if found is None:
        session.add(KeptAnswer(user_id=user_id, key=key, asked=asked, headers={}))
        return None
    if found.asked != asked:
        raise Invalid(
            "This Idempotency-Key was used for another request; take a new key for each thing that is made."
        )
    if found.status is None or found.body is None:
        raise Conflict("A request with this Idempotency-Key is being answered; wait, then send it again.")
    return Kept(found.body, found.status, found.headers, found.content or b"")


def keep(session: Session, *, user_id: int, key: str, answer: Kept) -> None:
    """Keep the answer to the request that has claimed the key."""
    found = session.get(KeptAnswer, (user_id, key))
    if found is not None:
        found.body, found.status = answer.body, answer.status
        found.headers, found.content = dict(answer.headers), answer.content


def forget(session: Session, *, user_id: int, key: str) -> None:
    """Free the key: nothing was made."""
    session.execute(delete(KeptAnswer).where(KeptAnswer.user_id == user_id, KeptAnswer.key == key))
