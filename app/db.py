"""The database: engines for SQLite and PostgreSQL, and the two ways to open a transaction.

A *read* transaction cannot write; a *write* transaction starts with the write lock in hand. On SQLite that is
`BEGIN IMMEDIATE` behind one lock per process: deferred transactions that turn from reading to writing fail with
"database is locked" however long they wait, and unserialised writers starve each other.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, create_engine, event, make_url
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

T = TypeVar("T")
_REMEMBERED = "remembered"  # in a session's info
BUSY_TIMEOUT_MS = 30_000  # another process (the worker) may hold the write lock for the length of one batch


class Database:
    """A database by URL. Make one per process; it is safe to share between threads."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if self.is_sqlite:  # readers have connections of their own, which cannot write
            self.engine, self._reader = _sqlite_engine(url), _sqlite_engine(url, read_only=True)
        else:
            self.engine = create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=30)
            self._reader = self.engine.execution_options(postgresql_readonly=True, isolation_level="REPEATABLE READ")
        self._write_lock = threading.Lock()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that sees one state of the database and cannot change it."""
        with Session(self._reader, expire_on_commit=False, info={_REMEMBERED: {}}) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that is committed when the block ends, and rolled back when it raises."""
        if not self.is_sqlite:
            with Session(self.engine, expire_on_commit=False) as session, session.begin():
                yield session
            return
        with self._write_lock, Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    def close(self) -> None:
        """Give back every connection."""
        self._reader.dispose()
        self.engine.dispose()


def remember(session: Session, key: object, ask: Callable[[], T]) -> T:
    """What `ask` answers, asked once in a read transaction; where it can change, in a write transaction, every time."""
    known: dict[object, T] | None = session.info.get(_REMEMBERED)
    if known is None:
        return ask()
    if key not in known:
        known[key] = ask()
    return known[key]


def _sqlite_engine(url: str, *, read_only: bool = False) -> Engine:
    path = make_url(url).database
    if path and path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_MS / 1000}, pool_size=10, max_overflow=30)

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy's begin event below says which kind of BEGIN
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")  # an acknowledged decision survives a power cut
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute(f"PRAGMA query_only = {'ON' if read_only else 'OFF'}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine
