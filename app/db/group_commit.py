"""Group commit: the work of everybody who waits to write to SQLite shares one transaction, so one sync of the disk."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, TypeVar

from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from app import deadline
from app.db.compiled import run
from app.db.connections import USUAL_WAIT
from app.db.memory import REMEMBERED, forget, remembered
from app.db.trouble import as_trouble, busy
from app.deadline import Deadline
from app.errors import Busy

T = TypeVar("T")
MOST_TOGETHER = 64  # pieces of work a commit: the others shall get the write lock too
MOST_REMEMBERED = 10_000
CACHE_KB = 64_000
CHECKPOINT_PAGES = 4_000  # 16 MB
SLICE = 0.2  # seconds after which a waiting group is looked at again


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


class GroupCommit:
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
            self._session = Session(self._engine, expire_on_commit=False, info={REMEMBERED: {}})
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
