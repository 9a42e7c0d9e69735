"""Log-in sessions and API tokens: random secrets that the database knows only as keyed hashes."""

import hmac
import secrets
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, func, or_, select, update
from sqlalchemy.orm import Session

from app.accounts.models import AccountLink, ApiToken, LoginSession, User
from app.accounts.roles import SCOPES as ROLES_OF_SCOPES
from app.accounts.roles import Allowed, includes, lower_of, most_scope, named
from app.db.compiled import Prepared
from app.db.memory import remember
from app.db.types import now
from app.errors import Conflict, Invalid, NotFound, NotSignedIn

TOKEN_PREFIX = "tl_"  # noqa: S105 - a mark that secret scanners can look for, not a secret
SCOPES = {"read": "look and export", "annotate": "also decide", "admin": "all that an admin may"}
LONGEST_DAYS = 3650
MOST_NOTED = 10_000  # tokens
NOTED_SECONDS = 300.0  # a token's last use is written down at most once in this time

# Asked by every request, so they are built once.
_PERSON = select(User.id, User.name, User.role)
_SIGNED_IN = Prepared(
    _PERSON.add_columns(LoginSession.expires_at)
    .join(LoginSession, LoginSession.user_id == User.id)
    .where(LoginSession.token_hash == bindparam("token_hash"), User.active)
)
_BEARER = Prepared(
    _PERSON.add_columns(ApiToken.id.label("token_id"), ApiToken.scope, ApiToken.expires_at)
    .join(ApiToken, ApiToken.user_id == User.id)
    .where(ApiToken.token_hash == bindparam("token_hash"), User.active)
)


@dataclass(frozen=True)
class Person(Allowed):
    """Who asks."""

    id: int
    name: str
    role: str  # for a token no more than its scope allows
    may_change: bool = True  # not with a token of the scope read
    token_id: int | None = None  # of the API token; none for somebody who signed in
    hidden: frozenset[int] = frozenset()  # data sets that they do not see


@dataclass(frozen=True)
class ListedToken:
    """What is known of an API token, which is all but its secret."""

    id: int
    owner: str
    name: str
    scope: str
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None

    @property
    def has_expired(self) -> bool:
        """Whether it opens nothing any more."""
        return self.expires_at is not None and self.expires_at <= now()


class Uses:
    """Which tokens and log-ins this process has seen lately, so that few of their uses are written down."""

    def __init__(self) -> None:
        self._noted: dict[int, float] = {}

    def is_new(self, token: str) -> bool:
        """Whether this use of a valid token is to be written down; it is taken to be."""
        key, moment = hash(token), time.monotonic()
        if moment - self._noted.get(key, -NOTED_SECONDS) < NOTED_SECONDS:
            return False
        if len(self._noted) >= MOST_NOTED:
            self._noted.clear()
        self._noted[key] = moment
        return True


def token_hash(token: str, *, key: bytes) -> str:
    """HMAC-SHA256 in hex: without the key, a stolen database lets nobody in."""
    return hmac.digest(key, token.encode(), "sha256").hex()


def start_session(session: Session, *, user: User, days: float, key: bytes, browser: str = "") -> str:
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
            token_hash=token_hash(token, key=key),
            user_id=user.id,
            browser=browser,
            last_used_at=now(),
            expires_at=now() + timedelta(days=days),
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
        raise NotSignedIn("Sign in to continue.")
    return Person(found.id, found.name, found.role)


def lock_person(session: Session, *, user_id: int) -> User:
    """The person as they are now; whoever else changes them waits for the end of this transaction."""
    return session.get_one(User, user_id, with_for_update=True, populate_existing=True)


def create_token(
    session: Session,
    *,
    user: User | Person,
    name: str,
    key: bytes,
    scope: str | None = None,
    expires_days: float | None = None,
) -> str:
    """A new API token; shown once, never again. Without a scope it may do what its owner may.

    Raises Invalid, Conflict for somebody who is only invited or is deactivated.
    """
    owner = lock_person(session, user_id=user.id)
    if owner.is_invited:
        raise Conflict(f"{user.name} has not accepted their invitation yet, so they cannot have a token.")
    if not owner.active:
        raise Conflict(f"{user.name} is deactivated, so they cannot have a token; let them in again first.")
    if not name.strip() or len(name) > 64:  # noqa: PLR2004
        raise Invalid("Give the token a name of 1 to 64 characters that tells what uses it.")
    most = most_scope(user.role)
    scope = scope or most
    if scope not in SCOPES:
        raise Invalid(f"“{scope}” is no scope; choose {', '.join(SCOPES)}.")
    if not includes(user.role, ROLES_OF_SCOPES[scope]):
        may = " or ".join(list(SCOPES)[: list(SCOPES).index(most) + 1])
        raise Invalid(f"{user.name} is {named(user.role)}, so a token of theirs has the scope {may}.")
    if expires_days is not None and not 0 < expires_days <= LONGEST_DAYS:
        raise Invalid(f"A token expires after more than 0 and at most {LONGEST_DAYS:,} days, or never.")
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    session.add(
        ApiToken(
            user_id=user.id,
            name=name.strip(),
            token_hash=token_hash(token, key=key),
            scope=scope,
            expires_at=None if expires_days is None else now() + timedelta(days=expires_days),
        )
    )
    return token


def user_of_token(session: Session, *, token: str, key: bytes) -> Person:
    """Whose API token this is, with no more rights than its scope has. Raises NotSignedIn."""
    found = _BEARER.one(session, token_hash=token_hash(token, key=key))
    if found is None:
        raise NotSignedIn(
            "This API token is unknown or was revoked; make a new one with `toploss token create --user "
            "NAME`."
        )
    if found.expires_at is not None and found.expires_at <= now():
        raise NotSignedIn(
            "This API token has expired; make a new one with `toploss token create --user NAME`."
        )
    role = lower_of(found.role, ROLES_OF_SCOPES[found.scope])
    return Person(found.id, found.name, role, found.scope != "read", found.token_id)


def note_use(session: Session, *, token_id: int | None, at: datetime) -> None:
    """Write a token's last use down, unless another process has done so lately."""
    before = ApiToken.last_used_at < at - timedelta(seconds=NOTED_SECONDS)
    session.execute(
        update(ApiToken)
        .where(ApiToken.id == token_id, or_(ApiToken.last_used_at.is_(None), before))
        .values(last_used_at=at)
    )


def list_tokens(session: Session, *, user_id: int | None = None) -> list[ListedToken]:
    """Everybody's tokens by owner, or one person's, newest first; their secrets are not known."""
    columns = (ApiToken.scope, ApiToken.created_at, ApiToken.last_used_at, ApiToken.expires_at)
    query = select(ApiToken.id, User.name, ApiToken.name, *columns).join(User, User.id == ApiToken.user_id)
    if user_id is not None:
        query = query.where(ApiToken.user_id == user_id)
    return [ListedToken(*row) for row in session.execute(query.order_by(User.name, ApiToken.id.desc()))]


def revoke_token(session: Session, *, token_id: int, user_id: int | None = None) -> ListedToken:
    """End a token for good, and say which one it was.

    Raises NotFound, also for one that is not this person's.
    """
    gone = next((each for each in list_tokens(session, user_id=user_id) if each.id == token_id), None)
    if gone is None:
        raise NotFound(f"There is no API token {token_id} here; look again which ones there are.")
    session.execute(delete(ApiToken).where(ApiToken.id == token_id))
    return gone


@dataclass(frozen=True)
class Ended:
    """How much of somebody's access has ended."""

    log_ins: int
    tokens: int


@dataclass(frozen=True)
class Access:
    """What lets somebody in now."""

    log_ins: int
    scopes: tuple[str, ...]  # of the API tokens

    @property
    def tokens(self) -> int:
        """How many API tokens."""
        return len(self.scopes)

    def above(self, role: str) -> int:
        """How many tokens have a scope of which this role does not allow all."""
        return sum(not includes(role, ROLES_OF_SCOPES[scope]) for scope in self.scopes)


def access_of(session: Session, *, user_id: int) -> Access:
    """How many log-ins and API tokens of a person are open."""
    log_ins = select(func.count()).where(LoginSession.user_id == user_id, LoginSession.expires_at > now())
    tokens = [each for each in list_tokens(session, user_id=user_id) if not each.has_expired]
    return Access(session.scalar(log_ins) or 0, tuple(each.scope for each in tokens))


def end_access(session: Session, *, user_id: int) -> Ended:
    """End every log-in, API token and link of a person, for good."""
    session.execute(delete(AccountLink).where(AccountLink.user_id == user_id))
    ended = [
        len(session.scalars(delete(kind).where(kind.user_id == user_id).returning(kind.user_id)).all())
        for kind in (LoginSession, ApiToken)
    ]
    return Ended(*ended)


def lower_tokens(session: Session, *, user_id: int, role: str) -> None:
    """Take from a person's tokens the scopes of which this role does not allow all, for good."""
    above = [scope for scope, acts_as in ROLES_OF_SCOPES.items() if not includes(role, acts_as)]
    session.execute(
        update(ApiToken)
        .where(ApiToken.user_id == user_id, ApiToken.scope.in_(above))
        .values(scope=most_scope(role))
    )
