"""Log-in sessions and API tokens: random secrets that the database knows only as keyed hashes."""

import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import bindparam, delete, select
from sqlalchemy.orm import Session

from app.accounts.models import ApiToken, LoginSession, User
from app.db import remember
from app.errors import Invalid, NotFound, NotSignedIn
from app.prepared import Prepared
from app.schema import now

TOKEN_PREFIX = "tl_"  # noqa: S105 - a mark that secret scanners can look for, not a secret


# Asked by every request, so they are built once.
_PERSON = select(User.id, User.name, User.role)
_SIGNED_IN = Prepared(
    _PERSON.add_columns(LoginSession.expires_at)
    .join(LoginSession, LoginSession.user_id == User.id)
    .where(LoginSession.token_hash == bindparam("token_hash"), User.active)
)
_BEARER = Prepared(
    _PERSON.join(ApiToken, ApiToken.user_id == User.id).where(
        ApiToken.token_hash == bindparam("token_hash"), User.active
    )
)


@dataclass(frozen=True)
class Person:
    """Who asks."""

    id: int
    name: str
    role: str  # admin or annotator


def token_hash(token: str, *, key: bytes) -> str:
    """HMAC-SHA256 in hex: without the key, a stolen database lets nobody in."""
    return hmac.digest(key, token.encode(), "sha256").hex()


def start_session(session: Session, *, user: User, days: float, key: bytes) -> str:
    """A new log-in; the answer is the cookie's value. Expired ones are swept on the way.

    Raises NotSignedIn where the password was changed or the person deactivated since the user was read.
    """
    there = session.scalar(
        select(User.id)
        .where(User.id == user.id, User.password_hash == user.password_hash, User.active)
        .with_for_update()
    )
    if there is None:
        raise NotSignedIn("Your password or your access was changed at this moment; sign in again.")
    session.execute(delete(LoginSession).where(LoginSession.expires_at < now()))
    token = secrets.token_urlsafe(32)
    session.add(
        LoginSession(
            token_hash=token_hash(token, key=key), user_id=user.id, expires_at=now() + timedelta(days=days)
        )
    )
    return token


def end_session(session: Session, *, token: str, key: bytes) -> None:
    """Sign out; an unknown token is no error."""
    session.execute(delete(LoginSession).where(LoginSession.token_hash == token_hash(token, key=key)))


def user_of_session(session: Session, *, token: str, key: bytes) -> Person:
    """Who is signed in by this cookie. Raises NotSignedIn."""
    digest = token_hash(token, key=key)
    found = remember(session, (user_of_session, digest), lambda: _SIGNED_IN.one(session, token_hash=digest))
    if found is None or found.expires_at <= now():
        raise NotSignedIn("Sign in to go on.")
    return Person(found.id, found.name, found.role)


def create_token(session: Session, *, user: User | Person, name: str, key: bytes) -> str:
    """A new API token; shown once, never again."""
    if not name.strip() or len(name) > 64:  # noqa: PLR2004
        raise Invalid("Give the token a name of 1 to 64 characters that tells what uses it.")
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    session.add(ApiToken(user_id=user.id, name=name.strip(), token_hash=token_hash(token, key=key)))
    return token


def user_of_token(session: Session, *, token: str, key: bytes) -> Person:
    """Whose API token this is. Raises NotSignedIn."""
    found = _BEARER.one(session, token_hash=token_hash(token, key=key))
    if found is None:
        raise NotSignedIn(
            "This API token is unknown or was revoked; make a new one with `toploss token create --user NAME`."
        )
    return Person(*found)


def list_tokens(session: Session, *, user: User | Person) -> list[ApiToken]:
    """The person's tokens, newest first; their secrets are not known."""
    return list(
        session.scalars(select(ApiToken).where(ApiToken.user_id == user.id).order_by(ApiToken.id.desc()))
    )


def revoke_token(session: Session, *, user: User | Person, token_id: int) -> None:
    """End a token of the person. Raises NotFound for somebody else's."""
    token = session.get(ApiToken, token_id)
    if token is None or token.user_id != user.id:
        raise NotFound("You have no such API token; reload the page to see the ones you have.")
    session.delete(token)
