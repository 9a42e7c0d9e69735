"""Group commit: all jobs that wait to write share one transaction, so one sync of the disk.

SQLite has one writer at a time anyway. On PostgreSQL the answers of a data set wait for one lock (the cards
that one annotator takes must not be given to another): in transactions of their own each would hold it for
all its queries, while the threads of the others compete for their turn to run Python.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, TypeVar

from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app import deadline
from app.db.compiled import run
from app.db.connections import USUAL_WAIT
from app.db.memory import REMEMBERED, forget, remembered
from app.db.trouble import as_trouble, busy, is_held_up
from app.deadline import Deadline
from app.errors import Busy

T = TypeVar("T")
MAX_JOBS_PER_COMMIT = 64  # so that other writers get a turn at the write lock
MOST_REMEMBERED = 10_000
CACHE_KB = 64_000
CHECKPOINT_PAGES = 4_000  # 16 MB
SLICE = 0.2  # seconds between two attempts to start a waiting group, and that a group waits for a row


@dataclass(frozen=True)
class _Job:
    """A write for a shared transaction: what to do, its future, and its deadline."""

    work: Callable[[Session], Any]
    future: "Future[Any]"
    until: Deadline

    def starts(self) -> bool:
        """Mark it as begun, if it was not done in part before; False if the caller has cancelled it."""
        return self.future.running() or self.future.set_running_or_notify_cancel()

    def refuse(self, error: Exception) -> None:
        """Let the future raise the error."""
        if self.starts():
            self.future.set_exception(error)


def _refuse_late(group: list[_Job], error: Exception) -> list[_Job]:
    """Refuse the jobs whose deadline has passed; return the rest.

    Each deadline is looked at once: a job whose deadline passes in between must not be in neither part.
    """
    rest = []
    for job in group:
        if not job.until.left:
            job.refuse(error)
        elif not job.future.done():  # done: cancelled by its caller
            rest.append(job)
    return rest


class GroupCommit:
    """One thread that runs all waiting jobs in one transaction, with one commit.

    It keeps one connection: SQLite's `PRAGMA data_version` tells it whether another connection has changed
    the database since its last transaction. If not, what the session remembers is still true and is not
    queried again. PostgreSQL has no such number: there the jobs of one transaction share what is remembered.

    The engine begins and ends no transaction itself. `lock` is that of the process's other writers, if they
    have to wait for this one.
    """

    def __init__(self, engine: Engine, lock: threading.Lock) -> None:
        self._engine, self._lock = engine, lock
        self._is_sqlite = engine.dialect.name == "sqlite"
        self._waiting: SimpleQueue[_Job | None] = SimpleQueue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._session: Session | None = None
        self._version = -1

    def submit(self, work: Callable[[Session], T]) -> "Future[T]":
        """Queue a job; its future completes after the commit."""
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._work, name="group-commit", daemon=True)
                    self._thread.start()
        future: Future[T] = Future()
        self._waiting.put(_Job(work, future, deadline.current(USUAL_WAIT)))
        return future

    def stop(self) -> None:
        """Do the waiting jobs, then end the thread."""
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

    def _try(self, group: list["_Job"]) -> list["_Job"]:
        """If the write lock is free, do the group's jobs and newer ones; return the jobs that still wait.

        No job waits longer than its own deadline: each attempt to get the lock is short, and after it the
        newer jobs are looked at too, whose deadlines may be nearer than those of the group.
        """
        longest = max(job.until.left for job in group)
        if not self._lock.acquire(timeout=min(SLICE, longest)):
            return _refuse_late(self._joined(group), busy())
        try:
            session = self._begin(min(SLICE, longest))
        except Exception as error:  # noqa: BLE001 - the future raises it
            if isinstance(as_trouble(error), Busy):
                return _refuse_late(self._joined(group), error)
            with suppress(Exception):  # the broken connection is not used again
                self._give_up()
            for job in group:
                job.refuse(error)
            return []
        else:
            waiting = self._joined(group)
            held_up = self._write(session, [job for job in waiting[:MAX_JOBS_PER_COMMIT] if job.starts()])
            return waiting[MAX_JOBS_PER_COMMIT:] + held_up
        finally:
            self._lock.release()

    def _joined(self, group: list["_Job"]) -> list["_Job"]:
        """The group with the jobs that have come in the meantime."""
        while not self._waiting.empty():
            other = self._waiting.get()
            if other is None:
                self._waiting.put(None)
                break
            group.append(other)
        return group

    def _write(self, session: Session, group: list["_Job"]) -> list["_Job"]:
        """Do the jobs and commit; return those that wait for a row that another transaction holds.

        Those are done again, with the next group: the answers of the others, perhaps of other data sets, are
        not held up by them.
        """
        alone = len(group) == 1  # then the transaction itself is all or nothing
        held_up: list[_Job] = []
        ended: list[tuple[_Job, Any, Exception | None]] = []
        try:
            for job in group:
                answer, refusal = self._do(session, job, "" if alone else "job")
                if not is_held_up(refusal):
                    ended.append((job, answer, refusal))
                    continue
                held_up.append(job)
                if len(held_up) == 1 and not alone:
                    run(session, "SET LOCAL lock_timeout = 1")  # the group has waited enough
            run(session, "ROLLBACK" if alone and (held_up or ended[0][2]) else "COMMIT")
        except Exception as error:  # noqa: BLE001 - the future raises it
            held_up, ended = [], [(job, None, error) for job in group]
            with suppress(Exception):  # the broken connection is not used again
                self._give_up()
        for job, answer, refusal in ended:
            if refusal:
                job.future.set_exception(refusal)
            else:
                job.future.set_result(answer)
        return held_up

    def _open(self) -> Session:
        session = Session(self._engine, expire_on_commit=False, info={REMEMBERED: {}})
        if not self._is_sqlite:
            return session
        # Decisions read and write the same pages many times: keep these in memory and checkpoint rarely.
        run(session, f"PRAGMA cache_size = -{CACHE_KB}")
        run(session, f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        # A savepoint's undo data is just too large for SQLite's buffer and would go to a temporary file.
        run(session, "PRAGMA temp_store = MEMORY")
        return session

    def _begin(self, wait: float) -> Session:
        """A session in a transaction with the write lock; waits at most `wait` seconds for the lock."""
        if self._session is None:
            with deadline.within(wait):
                self._session = self._open()
        session = self._session
        if not self._is_sqlite:
            return self._begin_postgres(session)
        run(session, f"PRAGMA busy_timeout = {round(1000 * wait)}")
        run(session, "BEGIN IMMEDIATE")
        version = run(session, "PRAGMA data_version")
        if version != self._version or len(remembered(session)) > MOST_REMEMBERED:
            forget(session)
            self._version = version
        return session

    def _begin_postgres(self, session: Session) -> Session:
        try:
            run(session, "BEGIN")
        except DBAPIError:  # PostgreSQL was restarted since the last transaction
            with suppress(Exception):
                self._give_up()
            session = self._session = self._open()
            run(session, "BEGIN")
        run(session, f"SET LOCAL lock_timeout = {round(1000 * SLICE)}")
        forget(session)
        return session

    def _do(self, session: Session, job: _Job, savepoint: str) -> tuple[Any, Exception | None]:
        """Do one job completely or not at all. Without a savepoint the caller rolls back."""
        if not job.until.left:
            return None, busy()
        if savepoint:
            run(session, f"SAVEPOINT {savepoint}")
        try:
            answer = job.work(session)
            session.flush()
        except Exception as error:
            if not session.is_active:  # a flush failed: SQLAlchemy has rolled back the whole transaction
                raise
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
        """Drop a transaction that cannot be committed; the next one uses a new connection."""
        session, self._session, self._version = self._session, None, -1
        if session:
            session.invalidate()
