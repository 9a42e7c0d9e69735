"""The database: engines for SQLite and PostgreSQL, and the two ways to open a transaction.

A *read* transaction cannot write; a *write* transaction starts with the write lock in hand. On SQLite that is
`BEGIN IMMEDIATE` behind one lock per process: deferred transactions that turn from reading to writing fail with
"database is locked" however long they wait, and unserialised writers starve each other.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from sqlalchemy import Connection, create_engine, event, make_url
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from app.prepared import run

T = TypeVar("T")
_REMEMBERED = "remembered"  # in a session's info
MOST_TOGETHER = 64  # pieces of work a commit: the others shall get the write lock too
MOST_REMEMBERED = 10_000
CACHE_KB = 64_000
CHECKPOINT_PAGES = 4_000  # 16 MB
OTHERS = 20  # that write at once where each has a transaction of its own
BUSY_TIMEOUT_MS = 30_000  # another process (the worker) may hold the write lock for the length of one batch


class Database:
    """A database by URL. Make one per process; it is safe to share between threads."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if self.is_sqlite:  # readers have connections of their own, which cannot write
            self.engine, self._reader = (
                _sqlite_engine(url, begin="BEGIN IMMEDIATE"),
                _sqlite_engine(url, begin="BEGIN", read_only=True),
            )
            self._glancer = _sqlite_engine(url, read_only=True)
        else:
            self.engine = create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=30)
            self._reader = self.engine.execution_options(
                postgresql_readonly=True, isolation_level="REPEATABLE READ"
            )
            self._glancer = self._reader
        self._write_lock, self._glance_lock = threading.Lock(), threading.Lock()
        self._glance: Session | None = None
        self._together = Together(_sqlite_engine(url), self._write_lock) if self.is_sqlite else None
        self._others = ThreadPoolExecutor(OTHERS, "together") if not self.is_sqlite else None

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

    def together(self, work: Callable[[Session], T]) -> "Future[T]":
        """Write in a transaction that may be shared: the answer is there once it is committed.

        On SQLite, where writers follow one another, what waits meanwhile is committed at once (`Together`); elsewhere each piece
        of work has a transaction of its own. A piece that raises changes nothing.
        """
        if self._together:
            return self._together.submit(work)
        assert self._others  # noqa: S101 - the other case

        def alone() -> T:
            with self.write() as session:
                return work(session)

        return self._others.submit(alone)

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


class Together:
    """One thread that writes to SQLite for everybody who waits: their work shares one transaction, so one commit.

    The connection stays the same, which has a use: SQLite tells it whether anybody else has changed the database since its last
    transaction. As long as nobody has, what was remembered then is still so, and need not be asked again.
    """

    def __init__(self, engine: Engine, lock: threading.Lock) -> None:
        self._engine, self._lock = engine, lock
        self._waiting: SimpleQueue[tuple[Callable[[Session], Any], Future[Any]] | None] = SimpleQueue()
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
        self._waiting.put((work, future))
        return future

    def stop(self) -> None:
        """Do what waits, then end."""
        self._waiting.put(None)
        if self._thread:
            self._thread.join()
        self._engine.dispose()

    def _work(self) -> None:
        while (first := self._waiting.get()) is not None:
            with self._lock:
                group = [first]
                while len(group) < MOST_TOGETHER and not self._waiting.empty():
                    other = self._waiting.get()
                    if other is None:
                        self._waiting.put(None)
                        break
                    group.append(other)
                self._write([each for each in group if each[1].set_running_or_notify_cancel()])
        if self._session:
            self._session.close()

    def _write(self, group: list[tuple[Callable[[Session], Any], "Future[Any]"]]) -> None:
        try:
            session = self._begin()
            alone = len(group) == 1  # then the transaction itself is all or nothing
            outcomes = [self._do(session, work, "" if alone else "piece") for work, _ in group]
            run(session, "ROLLBACK" if alone and outcomes[0][1] else "COMMIT")
        except Exception as error:  # noqa: BLE001 - whoever asked raises it
            outcomes = [(None, error)] * len(group)
            with suppress(Exception):  # whatever is wrong with it, it is not used again
                self._give_up()
        for (_, future), (answer, refusal) in zip(group, outcomes, strict=True):
            if refusal:
                future.set_exception(refusal)
            else:
                future.set_result(answer)

    def _begin(self) -> Session:
        """The session, in a transaction that has the write lock."""
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


def _sqlite_engine(url: str, *, begin: str = "", read_only: bool = False) -> Engine:
    """An engine whose transactions begin with `begin`; without one, whoever has a connection says so, or asks outside of any."""
    path = make_url(url).database
    if path and path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url,
        connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_MS / 1000},
        pool_size=10,
        max_overflow=30,
    )

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
    def begins(connection: Connection) -> None:
        if begin:
            connection.exec_driver_sql(begin)

    return engine
