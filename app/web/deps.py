"""Dependencies of routes: the database, the signed-in person, the settings.

A route opens its one transaction itself (`with database.write() as session:`) and answers after the block, so
what it answers is committed. FastAPI's `yield` dependencies would wait for the write lock in the thread pool
that the lock's holder needs to go on.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import Annotated

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.orm import Session

from app.accounts.roles import ADMIN, ANNOTATOR, REVIEWER
from app.accounts.sessions import note_session_use
from app.accounts.tokens import (
    Person,
    Uses,
    lock_person,
    note_use,
    token_hash,
    user_of_session,
    user_of_token,
)
from app.datasets.chosen import hidden_from
from app.db.engine import Database
from app.db.types import now
from app.errors import Forbidden, NotSignedIn
from app.settings import Settings
from app.web.security import SAFE_METHODS
from app.web.visible import refuse_hidden

log = logging.getLogger(__name__)

SESSION_COOKIE = "toploss_session"
# In the scope of a request that a command of the data folder's owner makes in its own process.
IN_PROCESS = "toploss.person"
# What everybody may change, also who only looks: their own log-in, account and theme.
OWN = ("/logout", "/theme", "/account/")
# Who may do what only a role and those above it may, in words.
_WHO = {
    ANNOTATOR: "Only annotators, reviewers and admins can do this",
    REVIEWER: "Only reviewers and admins can do this",
    ADMIN: "Only an admin can do this",
}


async def get_database(request: Request) -> Database:
    """The process's database."""
    database: Database = request.app.state.database
    return database


async def get_settings(request: Request) -> Settings:
    """The process's settings."""
    settings: Settings = request.app.state.settings
    return settings


Db = Annotated[Database, Depends(get_database)]
Config = Annotated[Settings, Depends(get_settings)]


async def signed_in(request: Request, database: Db, settings: Config) -> Person:
    """The person behind the request's Bearer token or session cookie. Raises NotSignedIn."""
    # A read of SQLite never waits and ends sooner than another thread could begin; other databases may be
    # slow.
    if database.is_sqlite:
        user = who_glances(request, database, settings)
    else:
        user = await run_in_threadpool(who_glances, request, database, settings)
    request.state.user = user
    return user


def who_glances(request: Request, database: Database, settings: Settings) -> Person:
    """As `who_asks`, in a transaction of its own. Raises NotSignedIn."""
    with database.glance() as session:
        return who_asks(session, request, settings)


def who_asks(session: Session, request: Request, settings: Settings) -> Person:
    """The person behind the request.

    Raises NotSignedIn; Forbidden where a viewer asks for a change of more than what is their own; NotFound
    where the address leads to a data set that they do not see.
    """
    person = _person(session, request, settings)
    if not person.is_admin and (hidden := hidden_from(session, user_id=person.id)):
        person = request.state.user = replace(person, hidden=frozenset(hidden))
        refuse_hidden(session, request, hidden)
    is_change = request.method not in SAFE_METHODS and not request.scope["path"].startswith(OWN)
    if is_change and not person.may_decide:
        raise _refusal(ANNOTATOR)
    return person


def still_asks(session: Session, request: Request, settings: Settings, person: Person) -> Person:
    """The person, locked, as who asks now: what lets them in later is made in the same transaction.

    A new password ends what was open before it. Without this, a request on its way would make something that
    it does not end. Raises NotSignedIn.
    """
    lock_person(session, user_id=person.id)
    return who_asks(session, request, settings)


def _person(session: Session, request: Request, settings: Settings) -> Person:
    if isinstance(person := request.scope.get(IN_PROCESS), Person):
        return person
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return _by_token(session, request, token.strip(), settings)
    if cookie := request.cookies.get(SESSION_COOKIE):
        return _by_cookie(session, request, cookie, settings)
    raise NotSignedIn("Sign in to continue, or send an API token as “Authorization: Bearer …”.")


def _by_token(session: Session, request: Request, token: str, settings: Settings) -> Person:
    """Raises NotSignedIn; Forbidden where the token may only read and the request changes something."""
    person = user_of_token(session, token=token, key=settings.secret())
    if not person.may_change and request.method not in SAFE_METHODS:
        raise Forbidden("This API token may only read; make one with the scope annotate or admin.")
    _note(request, token, partial(note_use, token_id=person.token_id, at=now()))
    return person


def _by_cookie(session: Session, request: Request, cookie: str, settings: Settings) -> Person:
    """Raises NotSignedIn."""
    person = user_of_session(session, token=cookie, key=settings.secret())
    used = partial(note_session_use, token_hash=token_hash(cookie, key=settings.secret()), at=now())
    _note(request, cookie, used)
    return person


def _note(request: Request, secret: str, note: Callable[[Session], None]) -> None:
    """Write a use down, in its own transaction, for which no request waits: reads stay fast and read-only."""
    uses: Uses = request.app.state.token_uses
    if uses.is_new(secret):
        database: Database = request.app.state.database
        database.write_in_group(note).add_done_callback(_tell_failure)


def _tell_failure(written: "Future[None]") -> None:
    if not written.cancelled() and (error := written.exception()):
        log.warning("the last use of an API token or log-in was not written down: %s", error)


SignedIn = Annotated[Person, Depends(signed_in)]


async def decider(user: SignedIn) -> Person:
    """Who may decide; needed only by pages that nobody else has a use for. Raises Forbidden for viewers."""
    if not user.may_decide:
        raise _refusal(ANNOTATOR)
    return user


async def settler(user: SignedIn) -> Person:
    """Who may settle disputes. Raises Forbidden for viewers and annotators."""
    if not user.may_settle:
        raise _refusal(REVIEWER)
    return user


async def admin(user: SignedIn) -> Person:
    """The signed-in admin. Raises Forbidden for everybody else."""
    if not user.is_admin:
        raise _refusal(ADMIN)
    return user


def _refusal(role: str) -> Forbidden:
    return Forbidden(f"{_WHO[role]}; ask one, or sign in as one.")


Decides = Annotated[Person, Depends(decider)]
Settles = Annotated[Person, Depends(settler)]
Admin = Annotated[Person, Depends(admin)]


async def in_person(user: SignedIn) -> Person:
    """Who signed in. Raises Forbidden for API tokens, which could otherwise create tokens without limits."""
    if user.token_id is not None:
        raise Forbidden("An API token cannot manage accounts; sign in with a password to do this.")
    return user


InPerson = Annotated[Person, Depends(in_person)]


async def admin_in_person(user: Admin) -> Person:
    """The admin who signed in. Raises Forbidden for everybody else and for API tokens."""
    return await in_person(user)


AdminInPerson = Annotated[Person, Depends(admin_in_person)]
