"""What routes ask for: the database, who is signed in, the settings.

A route opens its one transaction itself (`with database.write() as session:`) and answers after the block, so what it
answers is committed. FastAPI's `yield` dependencies would wait for the write lock in the thread pool that the lock's
holder needs to go on.
"""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.orm import Session

from app.accounts.tokens import Person, user_of_session, user_of_token
from app.db import Database
from app.errors import Forbidden, NotSignedIn
from app.settings import Settings

SESSION_COOKIE = "toploss_session"


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
    # A read of SQLite waits for nobody and is over before another thread would have begun; a database elsewhere may be slow.
    if database.is_sqlite:
        user = _glance(request, database, settings)
    else:
        user = await run_in_threadpool(_glance, request, database, settings)
    request.state.user = user
    return user


def _glance(request: Request, database: Database, settings: Settings) -> Person:
    with database.glance() as session:
        return who_asks(session, request, settings)


def who_asks(session: Session, request: Request, settings: Settings) -> Person:
    """The person behind the request. Raises NotSignedIn."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return user_of_token(session, token=token.strip(), key=settings.secret())
    if cookie := request.cookies.get(SESSION_COOKIE):
        return user_of_session(session, token=cookie, key=settings.secret())
    raise NotSignedIn("Sign in to go on, or send an API token as “Authorization: Bearer …”.")


SignedIn = Annotated[Person, Depends(signed_in)]


async def admin(user: SignedIn) -> Person:
    """The signed-in admin. Raises Forbidden for annotators."""
    if user.role != "admin":
        raise Forbidden("Only an admin can do this; ask one, or sign in as one.")
    return user


Admin = Annotated[Person, Depends(admin)]
