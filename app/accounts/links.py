"""One-time links behind which a person chooses their password: an invitation, or a new password.

A person who is invited has no password yet, so they cannot sign in. The secret of a link is known to the
database as a keyed hash only.
"""

import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.accounts.models import AccountLink, User
from app.accounts.tokens import Ended, lock_person, token_hash
from app.accounts.users import add_user, get_user, set_password
from app.db.types import now
from app.errors import Conflict, NotFound, NotSignedIn

LINK_DAYS = 3
PAGE = "/choose-password"
UNUSABLE = "This link is unknown, was used or withdrawn, or has expired; ask an admin for a new one."


def invite(session: Session, *, name: str, role: str, key: bytes) -> str:
    """A new person who cannot sign in yet, and the secret of their link.

    Raises Invalid for a bad name or role, Conflict when the name is taken.
    """
    return make_link(session, user=add_user(session, name=name, role=role, password_hash=""), key=key)


def make_link(session: Session, *, user: User, key: bytes) -> str:
    """The secret of a new link, which can be read this once; it replaces the link before it.

    Raises Conflict for a person who is deactivated.
    """
    if not user.active:
        raise Conflict(f"{user.name} is deactivated; let them in again first.")
    session.execute(delete(AccountLink).where(AccountLink.user_id == user.id))
    secret = secrets.token_urlsafe(32)
    session.add(
        AccountLink(
            user_id=user.id,
            token_hash=token_hash(secret, key=key),
            expires_at=now() + timedelta(days=LINK_DAYS),
        )
    )
    session.flush()
    return secret


def address_of(secret: str, *, server: str) -> str:
    """The link as a person opens it.

    What follows # is never sent by a browser, so that it stands in no log and in no Referer.
    """
    return f"{server.rstrip('/')}{PAGE}#{secret}"


def secret_of(link: str) -> str:
    """The secret of a link that was pasted whole, or the secret itself."""
    return link.strip().rpartition("#")[2]


def user_of_link(session: Session, *, secret: str, key: bytes) -> User:
    """Whose link this is. Raises NotSignedIn, in the same words for whatever is wrong with it."""
    user = session.scalar(
        select(User)
        .join(AccountLink, AccountLink.user_id == User.id)
        .where(
            AccountLink.token_hash == token_hash(secret, key=key),
            AccountLink.expires_at > now(),
            User.active,
        )
    )
    if user is None:
        raise NotSignedIn(UNUSABLE)
    return user


def use_link(session: Session, *, secret: str, key: bytes, password_hash: str) -> tuple[User, Ended]:
    """Set the person's password; the link, their log-ins and their API tokens end. Raises NotSignedIn."""
    user = use_up(session, secret=secret, key=key)
    return user, set_password(session, user=user, password_hash=password_hash)


def use_up(session: Session, *, secret: str, key: bytes) -> User:
    """Whose link this is; it works no more. Raises NotSignedIn."""
    user = user_of_link(session, secret=secret, key=key)
    lock_person(session, user_id=user.id)
    used = session.scalar(
        delete(AccountLink)
        .where(AccountLink.token_hash == token_hash(secret, key=key))
        .returning(AccountLink.user_id)
    )
    if used is None:  # by another request at this moment
        raise NotSignedIn(UNUSABLE)
    return user


def withdraw_link(session: Session, *, name: str) -> bool:
    """End a person's link; whether it was an invitation, whose person goes with it.

    Raises NotFound where there is no link.
    """
    user = get_user(session, name=name)
    lock_person(session, user_id=user.id)
    gone = session.scalar(
        delete(AccountLink).where(AccountLink.user_id == user.id).returning(AccountLink.user_id)
    )
    if gone is None and not user.is_invited:
        raise NotFound(f"{name} has no open link; it was used or withdrawn.")
    if user.is_invited:  # who never signed in has done nothing that refers to them
        session.delete(user)
        session.flush()
        return True
    return False


def open_links(session: Session) -> dict[int, datetime]:
    """When each person's link expires, by the id of the person; expired ones are left out."""
    rows = session.execute(
        select(AccountLink.user_id, AccountLink.expires_at).where(AccountLink.expires_at > now())
    )
    return {row.user_id: row.expires_at for row in rows}
