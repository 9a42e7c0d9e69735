"""Backups at regular times in one folder, of which the newest are kept."""

import fcntl
import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

from sqlalchemy.exc import SQLAlchemyError

from app.backup.saving import Saved, save
from app.db.types import now
from app.errors import Conflict, Invalid, NotFound, ToplossError
from app.settings import Settings

UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=366)
AFTER_A_FAILURE = timedelta(minutes=5)  # at most; then the backup is tried again
LOOK = 30.0  # seconds between two looks at the clock, which may be set or stand still while a laptop sleeps
STAMP = "%Y%m%dT%H%M%SZ"
NAME = re.compile(r"toploss-(\d{8}T\d{6}Z)\.tar")


@dataclass(frozen=True)
class Made:
    """A backup of the schedule, and the older ones that were removed after it."""

    path: Path
    saved: Saved
    removed: list[Path]


def interval(words: str) -> timedelta:
    """`30m`, `6h` or `1d` as a time.

    Raises Invalid.
    """
    found = re.fullmatch(r"([1-9]\d{0,5})\s*([mhd])", words.strip().lower())
    every = int(found[1]) * UNITS[found[2]] if found else timedelta()
    if not SHORTEST <= every <= LONGEST:
        raise Invalid(f"“{words}” is no interval; write 30m, 6h or 1d (from 1m to 366d).")
    return every


def backups_in(folder: Path) -> dict[Path, datetime]:
    """The backups of a schedule in `folder` and the moments of their names, oldest first."""
    found = {}
    for path in folder.iterdir():
        if (named := NAME.fullmatch(path.name)) and path.is_file() and not path.is_symlink():
            try:
                found[path] = datetime.strptime(named[1], STAMP).replace(tzinfo=UTC)
            except ValueError:  # no such day
                continue
    return dict(sorted(found.items(), key=lambda each: (each[1], each[0])))


def save_in(settings: Settings, folder: Path, *, keep: int, files_only: bool = False) -> Made:
    """Make a backup in `folder`, then remove the oldest ones until `keep` are left, 0 for all.

    Raises what `save` raises, and NotFound.
    """
    _refuse_no_folder(folder)
    path = folder / f"toploss-{now():{STAMP}}.tar"
    saved = save(settings, path, files_only=files_only)
    older = [each for each in backups_in(folder) if each != path]  # the new one stays, whatever the clock was
    surplus = older[: max(0, len(older) + 1 - keep)] if keep else []
    for each in surplus:
        each.unlink(missing_ok=True)
    return Made(path, saved, surplus)


def keep_saving(
    settings: Settings,
    folder: Path,
    *,
    every: timedelta,
    keep: int,
    stop: Event,
    on_made: Callable[[Made], None],
    on_failed: Callable[[Exception, datetime], None],
    files_only: bool = False,
) -> None:
    """Make a backup in `folder` every so often until `stop` is set; the first when the newest is so old.

    `on_failed` gets the error of a backup that failed, and when it is tried again: in five minutes at most.

    Raises Conflict if another process does this in the folder, NotFound if there is no folder at the start.
    """
    _refuse_no_folder(folder)
    with _alone(folder):
        due = min(max(backups_in(folder).values(), default=now() - every), now()) + every
        while not stop.wait(max(0.0, min(LOOK, (due - now()).total_seconds()))):
            due = min(due, now() + every)  # also when the clock was set back
            if now() < due:
                continue
            began = now()
            try:
                on_made(save_in(settings, folder, keep=keep, files_only=files_only))
                due = began + every
            except (ToplossError, OSError, SQLAlchemyError, sqlite3.Error) as error:
                due = now() + min(every, AFTER_A_FAILURE)
                on_failed(error, due)


def _refuse_no_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise NotFound(f"There is no folder {folder}; make it, or choose another place.")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """The lock of the folder: two schedules would remove each other's backups."""
    descriptor = os.open(folder / ".toploss-backups.lock", os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(
                f"Another process makes backups in {folder} already; stop it, or choose another folder."
            ) from None
        yield
    finally:
        os.close(descriptor)
