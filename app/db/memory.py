"""What a session remembers: answers that need not be asked again."""

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy.orm import Session

T = TypeVar("T")
REMEMBERED = "remembered"  # in a session's info


def remember(session: Session, key: object, ask: Callable[[], T]) -> T:
    """What `ask` answers, asked once in a read transaction; where it can change, in a write transaction, every time.

    Decisions that share a transaction (`Database.together`) go on with what those before them knew. What remembers there
    something that a decision changes must change what is `remembered` too, or `forget` it.
    """
    known: dict[object, T] | None = session.info.get(REMEMBERED)
    if known is None:
        return ask()
    if key not in known:
        known[key] = ask()
    return known[key]


def is_remembering(session: Session) -> bool:
    """Whether what is remembered serves anybody after this transaction's first question."""
    return REMEMBERED in session.info


def remembered(session: Session) -> dict[Any, Any]:
    """All of that, to be changed; empty where nothing is."""
    known: dict[Any, Any] = session.info.get(REMEMBERED, {})
    return known


def forget(session: Session) -> None:
    """Ask everything anew."""
    remembered(session).clear()
