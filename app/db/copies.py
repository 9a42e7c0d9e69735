"""Copies of a SQLite file before an upgrade: next to the file, one per revision, the newest two kept."""

import os
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from glob import escape
from pathlib import Path

from app.errors import Conflict

KEPT = 2  # the copies of the last two upgrades; see docs/backup.md


def keep_copy(path: Path, revision: str) -> Path:
    """Copy the database `path` of this revision to `<name>.<revision>.bak`; an older copy is replaced.

    The copy is one consistent state of the database, readable by its owner only. It gets its name when it is
    complete and on the disk. Raises Conflict when it cannot be written.
    """
    target = path.with_name(f"{path.name}.{revision}.bak")
    partial = target.with_name(f"{target.name}.partial")
    try:
        partial.unlink(missing_ok=True)  # of a start that was killed
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        copy_database(path, partial)
        partial.replace(target)
        flush(target.parent)
    except (OSError, sqlite3.Error) as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise Conflict(
            f"Toploss copies the database before an upgrade, but the copy {target} cannot be written "
            f"({error}). Nothing was changed; free some space or permit writing there, and start again."
        ) from error
    return target


def copy_database(path: Path, target: Path) -> None:
    """Copy one consistent state of a database that may be in use, synced to disk.

    Raises sqlite3.Error, OSError.
    """
    with closing(sqlite3.connect(path, timeout=30)) as source, closing(sqlite3.connect(target)) as copy:
        copy.execute("PRAGMA synchronous = OFF")  # flushed once, below
        copy.execute("PRAGMA journal_mode = OFF")
        source.backup(copy)  # all pages in one step, so from one read transaction
    flush(target)


def flush(path: Path) -> None:
    """Sync a file, or a folder's entries, to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def copies_of(path: Path) -> list[tuple[str, Path]]:
    """Revision and file of each copy, the newest first; older versions put a time into the file's name."""
    form = re.compile(re.escape(path.name) + r"\.(?:\d{8}T\d{6}\.)?([^.]+)\.bak")
    found = [
        (match[1], other)
        for other in path.parent.glob(f"{escape(path.name)}.*.bak")
        if (match := form.fullmatch(other.name))
    ]
    return sorted(found, key=lambda copy: copy[1].stat().st_mtime, reverse=True)


def newest_copy(path: Path, revision: str, *, is_whole: Callable[[Path], bool]) -> Path | None:
    """The newest complete copy of this revision, or None."""
    return next((file for of, file in copies_of(path) if of == revision and is_whole(file)), None)


def remove_old_copies(path: Path) -> None:
    """Keep only the newest copy of each of the last `KEPT` revisions."""
    kept: set[str] = set()
    for revision, file in copies_of(path):
        if revision in kept or len(kept) >= KEPT:
            file.unlink(missing_ok=True)
        kept.add(revision)
