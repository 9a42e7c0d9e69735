"""The hints of the deck: shown to each person until they are put away, and never again."""

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.db.types import now


def sees_hints(session: Session, *, user_id: int) -> bool:
    """Whether this person has not put the hints of the deck away yet."""
    return session.scalar(select(User.id).where(User.id == user_id, User.hints_seen_at.is_(None))) is not None


def put_hints_away(session: Session, *, user_id: int) -> None:
    """Never show the hints to this person again; a second time changes nothing."""
    session.execute(
        update(User).where(User.id == user_id, User.hints_seen_at.is_(None)).values(hints_seen_at=now())
    )
