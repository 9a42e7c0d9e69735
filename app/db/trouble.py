"""Storage problems in words: a busy database, a full or read-only disk, an unreachable database."""

import errno
import sqlite3

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnection

from app.errors import Busy, StorageFull, ToplossError, Unavailable, shortage
from app.files import is_full

RETRY_SECONDS = 5
_PRIMARY = 0xFF  # SQLite's extended codes keep the kind of error in the last byte
_OF_THE_MACHINE = (
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
)
_HELD = ("55P03", "40P01")  # lock_timeout, deadlock
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


def busy() -> Busy:
    """Another writer holds the lock, or no connection is free."""
    return Busy(
        "The database is busy and did not answer in time; nothing was changed. Try again in a moment.",
        retry_after=RETRY_SECONDS,
    )


def as_trouble(error: BaseException) -> ToplossError | None:
    """The error as a sentence for people; None if the storage did not cause it."""
    if isinstance(error, NoConnection):
        return busy()
    if short := shortage(error):
        return short
    if isinstance(error, OSError):
        return _of_files(error)
    if not isinstance(error, DBAPIError):
        return None
    driver = error.orig
    if isinstance(driver, sqlite3.Error):
        return _of_sqlite(getattr(driver, "sqlite_errorcode", 0) & _PRIMARY)
    return _of_postgres(getattr(driver, "sqlstate", None), is_away=error.connection_invalidated)


def is_held_up(error: BaseException | None) -> bool:
    """Whether PostgreSQL gave up waiting for a row that another transaction holds."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in _HELD


def is_of_the_machine(error: BaseException | None) -> bool:
    """Whether SQLite refused because of a disk, a lock or memory, and not because of the file's content."""
    return getattr(error, "sqlite_errorcode", 0) & _PRIMARY in _OF_THE_MACHINE


def _of_files(error: OSError) -> ToplossError | None:
    if is_full(error):
        return _full()
    if error.errno in _READ_ONLY:
        return _read_only()
    return _damaged() if error.errno == errno.EIO else None


def _of_sqlite(code: int) -> ToplossError | None:
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return busy()
    if code == sqlite3.SQLITE_FULL:
        return _full()
    if code == sqlite3.SQLITE_READONLY:
        return _read_only()
    if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return _damaged()
    return _away() if code == sqlite3.SQLITE_CANTOPEN else None


def _of_postgres(state: str | None, *, is_away: bool) -> ToplossError | None:
    known = {
        "55P03": busy,
        "40P01": busy,
        "53300": busy,
        "53100": _full,
        "25006": _read_only,
        "58030": _damaged,
    }
    if state in known:
        return known[state]()
    return _away() if is_away or state is None or state[:2] in ("08", "57") else None


def _full() -> StorageFull:
    return StorageFull(
        "The disk of the server is full; nothing was changed. An operator of the server has to free some "
        "space."
    )


def _read_only() -> Unavailable:
    return Unavailable(
        "The server has no permission to write to its disk or database; nothing was changed. "
        "An operator should check the mount and the permissions of the data folder."
    )


def _damaged() -> Unavailable:
    return Unavailable(
        "The disk with the database reports an error; nothing was changed. "
        "An operator should check the disk, its free space and the log."
    )


def _away() -> Unavailable:
    return Unavailable(
        "The database cannot be reached; nothing was changed. Try again in a moment.",
        retry_after=RETRY_SECONDS,
    )
