"""The signed-in browsers of people: which there are, and their end."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, delete, or_, select, update
from sqlalchemy.orm import Session

from app.accounts.models import LoginSession, User
from app.accounts.tokens import NOTED_SECONDS
from app.db.types import now
from app.errors import NotFound

# A mark in what a browser says of itself, and the name that people know; the first that is found counts,
# since many browsers also name those that they are like.
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrom", "Chrome"),
    ("Safari", "Safari"),
)
SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)
UNKNOWN = "Unknown browser"


@dataclass(frozen=True)
class ListedSession:
    """What is known of a log-in, which is all but its secret."""

    mark: str  # names it in addresses; nobody signs in with it
    owner: str
    browser: str
    created_at: datetime
    last_used_at: datetime | None  # to five minutes; None: not since this was recorded


def browser_of(user_agent: str) -> str:
    """Browser and system in words, such as “Firefox on Linux”."""
    browser = next((name for mark, name in BROWSERS if mark in user_agent), UNKNOWN)
    system = next((name for mark, name in SYSTEMS if mark in user_agent), "")
    return f"{browser} on {system}" if system else browser


def mark_of(token_hash: str) -> str:
    """The name of a log-in in addresses, of 16 hex digits; the stored hash itself stays on the server."""
    return hashlib.sha256(token_hash.encode()).hexdigest()[:16]


def list_sessions(
    session: Session, *, user_id: int | None = None, skip: int = 0, most: int | None = None
) -> list[ListedSession]:
    """Everybody's open log-ins by owner, or one person's, the newest first; `most` after the first `skip`."""
    rows = session.execute(_open(user_id).offset(skip).limit(most))
    return [_listed(row, owner) for row, owner in rows]


def end_listed(session: Session, *, mark: str, user_id: int | None = None) -> ListedSession:
    """End a log-in, and say which one it was.

    Raises NotFound, also for one that is not this person's.
    """
    for row, owner in session.execute(_open(user_id)):
        if mark_of(row.token_hash) == mark:
            session.execute(delete(LoginSession).where(LoginSession.token_hash == row.token_hash))
            return _listed(row, owner)
    raise NotFound("This log-in has ended already; look again which ones there are.")


def end_others(session: Session, *, user_id: int, token_hash: str) -> int:
    """End every log-in of a person but this one; the answer is how many open ones there were."""
    others = sum(row.token_hash != token_hash for row, _ in session.execute(_open(user_id)))
    session.execute(
        delete(LoginSession).where(LoginSession.user_id == user_id, LoginSession.token_hash != token_hash)
    )
    return others


def note_session_use(session: Session, *, token_hash: str, at: datetime) -> None:
    """Write a log-in's last use down, unless another process has done so lately."""
    before = LoginSession.last_used_at < at - timedelta(seconds=NOTED_SECONDS)
    session.execute(
        update(LoginSession)
        .where(LoginSession.token_hash == token_hash, or_(LoginSession.last_used_at.is_(None), before))
        .values(last_used_at=at)
    )


def _open(user_id: int | None) -> Select[LoginSession, str]:
    query = (
        select(LoginSession, User.name)
        .join(User, User.id == LoginSession.user_id)
        .where(LoginSession.expires_at > now())
        .order_by(User.name, LoginSession.created_at.desc(), LoginSession.token_hash)
    )
    if user_id is not None:
        query = query.where(LoginSession.user_id == user_id)
    return query


def _listed(row: LoginSession, owner: str) -> ListedSession:
    return ListedSession(
        mark_of(row.token_hash), owner, row.browser or UNKNOWN, row.created_at, row.last_used_at
    )
