"""The database: engines for SQLite and PostgreSQL, and the two ways to open a transaction.

A *read* transaction cannot write; a *write* transaction takes the write lock when it starts. On SQLite that
is `BEGIN IMMEDIATE` behind one lock per process: a deferred transaction that first reads and then writes can
fail with "database is locked" however long it waits, and without the lock some writers may never get a turn.

A request waits for a connection, the process's lock and the database's lock until its one deadline
(`app.deadline`), then it is refused with Unavailable.
"""

import errno
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app import deadline
from app.db.connections import CONNECTIONS, USUAL_WAIT, postgres_engine, probing_engine, sqlite_engine
from app.db.group_commit import GroupCommit
from app.db.memory import REMEMBERED
from app.db.trouble import busy

T = TypeVar("T")
GLANCE_WAIT = 0.2  # seconds: the caller may be the event loop


class Database:
    """A database by URL. Make one per process; it is safe to share between threads."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if self.is_sqlite:  # readers have their own connections, which cannot write
            self.engine, self._reader = (
                sqlite_engine(url, begin="BEGIN IMMEDIATE"),
                sqlite_engine(url, begin="BEGIN", read_only=True),
            )
            self._glancer = sqlite_engine(url, read_only=True, wait=GLANCE_WAIT)
        else:
            self.engine = postgres_engine(url)
            self._reader = self.engine.execution_options(
                postgresql_readonly=True, isolation_level="REPEATABLE READ"
            )
            self._glancer = self._reader
        self._prober = probing_engine(url)
        self._connections = threading.BoundedSemaphore(CONNECTIONS)  # the pool itself knows no deadline
        self._write_lock, self._glance_lock = threading.Lock(), threading.Lock()
        self._glance: Session | None = None
        self._group_commit = (
            GroupCommit(sqlite_engine(url), self._write_lock)
            if self.is_sqlite
            else GroupCommit(postgres_engine(url, isolation_level="AUTOCOMMIT"), threading.Lock())
        )

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that sees one state of the database and cannot change it."""
        with (
            self._in_time(self._connections),
            Session(self._reader, expire_on_commit=False, info={REMEMBERED: {}}) as session,
        ):
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that is committed when the block ends, and rolled back when it raises."""
        if not self.is_sqlite:
            with (
                self._in_time(self._connections),
                Session(self.engine, expire_on_commit=False) as session,
                session.begin(),
            ):
                self._limit_locks(session)
                yield session
            return
        with (
            self._in_time(self._write_lock),
            Session(self.engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    @contextmanager
    def glance(self) -> Iterator[Session]:
        """A session for queries by `Prepared` statements; on SQLite without the cost of a transaction."""
        if not self.is_sqlite:
            with self.read() as session:
                yield session
            return
        with self._glance_lock:
            if self._glance is None:
                self._glance = Session(self._glancer)
            yield self._glance

    @contextmanager
    def probe(self) -> Iterator[Session]:
        """For health checks: a new connection of its own, so that it does not wait for the pool."""
        with Session(self._prober) as session:
            yield session

    def check_writable(self) -> None:
        """Take and release the write lock.

        Raises SQLAlchemyError or OSError when the database cannot be changed.
        """
        if self.is_sqlite and not Path(self.url.database or "").exists():
            raise FileNotFoundError(
                errno.ENOENT, "the database file is gone"
            )  # a probe would make an empty one
        with self._prober.connect() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            elif connection.exec_driver_sql("SHOW transaction_read_only").scalar() == "on":
                raise OSError(errno.EROFS, "PostgreSQL accepts no changes")
            connection.rollback()

    def write_in_group(self, work: Callable[[Session], T]) -> "Future[T]":
        """Run `work` in a transaction shared with other writes; the future completes after the commit.

        A write that raises changes nothing (`GroupCommit`).
        """
        return self._group_commit.submit(work)

    @contextmanager
    def _in_time(self, wanted: "threading.Lock | threading.BoundedSemaphore") -> Iterator[None]:
        """Hold it for the length of the block. Raises Unavailable at the deadline."""
        if not wanted.acquire(timeout=deadline.current(USUAL_WAIT).left):
            raise busy()
        try:
            yield
        finally:
            wanted.release()

    def _limit_locks(self, session: Session) -> None:
        """Make PostgreSQL refuse a statement that waits for a row lock beyond the deadline."""
        if deadline.is_set():
            left = max(1, round(1000 * deadline.current(USUAL_WAIT).left))
            session.connection().exec_driver_sql(f"SET LOCAL lock_timeout = {left}")

    def checkpoint(self) -> None:
        """Move what is in SQLite's write-ahead log into the file, for a process that ends without closing.

        While another process reads or writes, SQLite moves what it can; nothing is lost either way.
        """
        if self.is_sqlite:
            with suppress(SQLAlchemyError), self._prober.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close every connection."""
        self._group_commit.stop()
        if self._glance:
            self._glance.close()
        self._glancer.dispose()
        self._reader.dispose()
        self.engine.dispose()
