"""What a session remembers: answers that need no second query."""

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy.orm import Session

T = TypeVar("T")
REMEMBERED = "remembered"  # in a session's info


def remember(session: Session, key: object, ask: Callable[[], T]) -> T:
    """Memoise `ask()` for this transaction when reading or in a group commit; a plain write always calls it.

    The jobs of a group commit (`Database.write_in_group`) share one memory. Use it only for values that a
    decision does not change; the desk (`app.review.desk`) remembers the rest.
    """
    known: dict[object, T] | None = session.info.get(REMEMBERED)
    if known is None:
        return ask()
    if key not in known:
        known[key] = ask()
    return known[key]


def is_remembering(session: Session) -> bool:
    """Whether this session remembers answers."""
    return REMEMBERED in session.info


def remembered(session: Session) -> dict[Any, Any]:
    """The memory itself, which the caller may change; empty if the session remembers nothing."""
    known: dict[Any, Any] = session.info.get(REMEMBERED, {})
    return known


def forget(session: Session) -> None:
    """Forget all answers; the next question queries the database."""
    remembered(session).clear()
