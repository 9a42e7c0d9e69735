"""The database: engines for SQLite and PostgreSQL, and the two ways to open a transaction.

A *read* transaction cannot write; a *write* transaction starts with the write lock in hand. On SQLite that is
`BEGIN IMMEDIATE` behind one lock per process: deferred transactions that turn from reading to writing fail with
"database is locked" however long they wait, and unserialised writers starve each other.

Whatever a request waits for here, for a connection, for the process's lock or for the database's, it waits until its one
deadline (`app.deadline`) and is then refused with Unavailable.
"""

import errno
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from sqlalchemy import make_url
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from app import deadline
from app.deadline import Deadline
from app.engines import CONNECTIONS, USUAL_WAIT, postgres_engine, probing_engine, sqlite_engine
from app.errors import Busy
from app.prepared import run
from app.trouble import as_trouble, busy

T = TypeVar("T")
_REMEMBERED = "remembered"  # in a session's info
MOST_TOGETHER = 64  # pieces of work a commit: the others shall get the write lock too
MOST_REMEMBERED = 10_000
CACHE_KB = 64_000
CHECKPOINT_PAGES = 4_000  # 16 MB
OTHERS = 20  # that write at once where each has a transaction of its own
GLANCE_WAIT = 0.2  # seconds: whoever glances may be the event loop itself
SLICE = 0.2  # seconds after which a waiting group is looked at again


class Database:
    """A database by URL. Make one per process; it is safe to share between threads."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if self.is_sqlite:  # readers have connections of their own, which cannot write
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
        self._together = Together(sqlite_engine(url), self._write_lock) if self.is_sqlite else None
        self._others = ThreadPoolExecutor(OTHERS, "together") if not self.is_sqlite else None

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that sees one state of the database and cannot change it."""
        with (
            self._in_time(self._connections),
            Session(self._reader, expire_on_commit=False, info={_REMEMBERED: {}}) as session,
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
        """For a single question with `Prepared` statements: on SQLite without a transaction, so without its cost."""
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
        """For health checks: a connection of its own, opened anew, so that it waits for nobody who uses the others."""
        with Session(self._prober) as session:
            yield session

    def check_writable(self) -> None:
        """Take the write lock and give it back. Raises SQLAlchemyError or OSError when the database takes no changes."""
        if self.is_sqlite and not Path(self.url.database or "").exists():
            raise FileNotFoundError(
                errno.ENOENT, "the database file is gone"
            )  # a probe would make an empty one
        with self._prober.connect() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            elif connection.exec_driver_sql("SHOW transaction_read_only").scalar() == "on":
                raise OSError(errno.EROFS, "PostgreSQL takes no changes")
            connection.rollback()

    def together(self, work: Callable[[Session], T]) -> "Future[T]":
        """Write in a transaction that may be shared: the answer is there once it is committed.

        On SQLite, where writers follow one another, what waits meanwhile is committed at once (`Together`); elsewhere each piece
        of work has a transaction of its own. A piece that raises changes nothing.
        """
        if self._together:
            return self._together.submit(work)
        assert self._others  # noqa: S101 - the other case

        def alone() -> T:
            if not deadline.current(USUAL_WAIT).left:
                raise busy()
            with self.write() as session:
                return work(session)

        return self._others.submit(copy_context().run, alone)  # with the deadline of whoever asks

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
        """Have PostgreSQL refuse what waits for a row beyond the deadline."""
        if deadline.is_set():
            left = max(1, round(1000 * deadline.current(USUAL_WAIT).left))
            session.connection().exec_driver_sql(f"SET LOCAL lock_timeout = {left}")

    def close(self) -> None:
        """Give back every connection."""
        if self._together:
            self._together.stop()
        if self._others:
            self._others.shutdown()
        if self._glance:
            self._glance.close()
        self._glancer.dispose()
        self._reader.dispose()
        self.engine.dispose()


@dataclass(frozen=True)
class _Piece:
    """Work for a shared transaction, who waits for it, and until when."""

    work: Callable[[Session], Any]
    future: "Future[Any]"
    until: Deadline

    def starts(self) -> bool:
        """Mark it as begun, unless whoever asked has gone."""
        return self.future.set_running_or_notify_cancel()

    def refuse(self, error: Exception) -> None:
        """Let whoever asked raise the error."""
        if self.starts():
            self.future.set_exception(error)


def _refuse_late(group: list[_Piece], error: Exception) -> list[_Piece]:
    """Refuse those whose deadline has passed; the answer is the others."""
    for piece in group:
        if not piece.until.left:
            piece.refuse(error)
    return [piece for piece in group if piece.until.left and not piece.future.done()]


class Together:
    """One thread that writes to SQLite for everybody who waits: their work shares one transaction, so one commit.

    The connection stays the same, which has a use: SQLite tells it whether anybody else has changed the database since its last
    transaction. As long as nobody has, what was remembered then is still so, and need not be asked again.
    """

    def __init__(self, engine: Engine, lock: threading.Lock) -> None:
        self._engine, self._lock = engine, lock
        self._waiting: SimpleQueue[_Piece | None] = SimpleQueue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._session: Session | None = None
        self._version = -1

    def submit(self, work: Callable[[Session], T]) -> "Future[T]":
        """Have it done; the answer comes after the commit."""
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._work, name="together", daemon=True)
                    self._thread.start()
        future: Future[T] = Future()
        self._waiting.put(_Piece(work, future, deadline.current(USUAL_WAIT)))
        return future

    def stop(self) -> None:
        """Do what waits, then end."""
        self._waiting.put(None)
        if self._thread:
            self._thread.join()
        self._engine.dispose()

    def _work(self) -> None:
        while (first := self._waiting.get()) is not None:
            group = [first]
            while group:
                group = self._try(group)
        if self._session:
            self._session.close()

    def _try(self, group: list["_Piece"]) -> list["_Piece"]:
        """Do the group's work, and that of those who came meanwhile, if the write lock is free; the answer is who still waits.

        Nobody waits for longer than their own deadline, so the lock is asked for in slices.
        """
        longest = max(piece.until.left for piece in group)
        if not self._lock.acquire(timeout=min(SLICE, longest)):
            return _refuse_late(group, busy())
        try:
            session = self._begin(min(SLICE, longest))
        except Exception as error:  # noqa: BLE001 - whoever asked raises it
            if isinstance(as_trouble(error), Busy):
                return _refuse_late(group, error)
            with suppress(Exception):  # whatever is wrong with it, it is not used again
                self._give_up()
            for piece in group:
                piece.refuse(error)
            return []
        else:
            self._write(session, [piece for piece in self._joined(group) if piece.starts()])
            return []
        finally:
            self._lock.release()

    def _joined(self, group: list["_Piece"]) -> list["_Piece"]:
        """The group with those who came meanwhile."""
        while len(group) < MOST_TOGETHER and not self._waiting.empty():
            other = self._waiting.get()
            if other is None:
                self._waiting.put(None)
                break
            group.append(other)
        return group

    def _write(self, session: Session, group: list["_Piece"]) -> None:
        try:
            alone = len(group) == 1  # then the transaction itself is all or nothing
            outcomes = [self._do(session, piece.work, "" if alone else "piece") for piece in group]
            run(session, "ROLLBACK" if alone and outcomes[0][1] else "COMMIT")
        except Exception as error:  # noqa: BLE001 - whoever asked raises it
            outcomes = [(None, error)] * len(group)
            with suppress(Exception):  # whatever is wrong with it, it is not used again
                self._give_up()
        for piece, (answer, refusal) in zip(group, outcomes, strict=True):
            if refusal:
                piece.future.set_exception(refusal)
            else:
                piece.future.set_result(answer)

    def _begin(self, wait: float) -> Session:
        """The session, in a transaction that has the write lock; for which another process is waited so many seconds."""
        if self._session is None:
            self._session = Session(self._engine, expire_on_commit=False, info={_REMEMBERED: {}})
            run(
                self._session, f"PRAGMA cache_size = -{CACHE_KB}"
            )  # the same pages are looked at again and again
            run(
                self._session, f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}"
            )  # and written, so that a few have many changes
            run(
                self._session, "PRAGMA temp_store = MEMORY"
            )  # what a savepoint would restore: a turn's pages just overflow into a file
        session = self._session
        run(session, f"PRAGMA busy_timeout = {round(1000 * wait)}")
        run(session, "BEGIN IMMEDIATE")
        version = run(session, "PRAGMA data_version")
        if version != self._version or len(remembered(session)) > MOST_REMEMBERED:
            forget(session)
            self._version = version
        return session

    def _do(
        self, session: Session, work: Callable[[Session], Any], savepoint: str
    ) -> tuple[Any, Exception | None]:
        """One piece of work, all of it or nothing; without a savepoint the caller sees to that."""
        if savepoint:
            run(session, f"SAVEPOINT {savepoint}")
        try:
            answer = work(session)
            session.flush()
        except Exception as error:  # noqa: BLE001 - whoever asked raises it
            if savepoint:
                run(session, f"ROLLBACK TO {savepoint}")
                run(session, f"RELEASE {savepoint}")
            forget(session)
            return None, error
        else:
            if savepoint:
                run(session, f"RELEASE {savepoint}")
            return answer, None
        finally:
            session.expunge_all()

    def _give_up(self) -> None:
        """Leave a transaction that cannot be committed, and begin with another connection."""
        session, self._session, self._version = self._session, None, -1
        if session:
            session.connection().invalidate()
            session.close()


def remember(session: Session, key: object, ask: Callable[[], T]) -> T:
    """What `ask` answers, asked once in a read transaction; where it can change, in a write transaction, every time.

    Decisions that share a transaction (`Database.together`) go on with what those before them knew. What remembers there
    something that a decision changes must change what is `remembered` too, or `forget` it.
    """
    known: dict[object, T] | None = session.info.get(_REMEMBERED)
    if known is None:
        return ask()
    if key not in known:
        known[key] = ask()
    return known[key]


def is_remembering(session: Session) -> bool:
    """Whether what is remembered serves anybody after this transaction's first question."""
    return _REMEMBERED in session.info


def remembered(session: Session) -> dict[Any, Any]:
    """All of that, to be changed; empty where nothing is."""
    known: dict[Any, Any] = session.info.get(_REMEMBERED, {})
    return known


def forget(session: Session) -> None:
    """Ask everything anew."""
    remembered(session).clear()
