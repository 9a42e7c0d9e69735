"""Files that are complete or absent, that only their owner can read, and that leave no temporary files.

A file is written under a temporary name and then renamed. Until then it is locked, so that a sweep can
distinguish the files of killed processes from those of running ones, also in other containers.
"""

import errno
import fcntl
import os
import secrets
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PRIVATE_FILE, PRIVATE_FOLDER, OTHERS = 0o600, 0o700, 0o077
OLD_SECONDS = 3600  # a sweep removes only files that are older
LOST_SECONDS = 24 * 3600  # without file locks: a file not written for so long belongs to no running process
LONGEST_NAME = 40  # characters of the name in the temporary name, which is limited to 255 bytes
PART = ".part"
_FULL = (errno.ENOSPC, errno.EDQUOT)
_asked: list[int] = []  # the umask that the process was started with


def keep_private() -> None:
    """From now on only this user can read new files of this process and of processes that it starts."""
    before = os.umask(OTHERS)
    if not _asked:
        _asked.append(before)


def persons_mode() -> int:
    """The mode for a file that a person requested, by the umask of that person."""
    if _asked:
        return 0o666 & ~_asked[0]
    umask = os.umask(OTHERS)
    os.umask(umask)
    return 0o666 & ~umask


def make_private(paths: Iterable[Path]) -> list[Path]:
    """Remove all permissions of other users from these files and folders and their contents.

    Returns the paths that could not be changed. Links are left as they are.
    """
    left = []
    for path in paths:
        with suppress(FileNotFoundError):
            if path.is_dir() and not path.is_symlink():
                left += make_private(path.iterdir())
            if not path.is_symlink() and (mode := path.stat().st_mode) & OTHERS:
                try:
                    path.chmod(mode & ~OTHERS & 0o7777)
                except PermissionError:  # it belongs to another user
                    left.append(path)
    return left


@contextmanager
def temporary_file(folder: Path, *, name: str = "", mode: int = PRIVATE_FILE) -> Iterator[Path]:
    """An empty file in `folder` to write to. It is removed when the block ends, unless it was moved."""
    path, descriptor = _create(folder, name, mode)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


@contextmanager
def write_atomically(path: Path, *, mode: int = PRIVATE_FILE, durable: bool = True) -> Iterator[Path]:
    """A file to write to; it replaces `path` when the block ends and is removed when the block raises.

    `durable` waits until the file is on the disk, so that after a power cut `path` is the complete old or new
    file.
    """
    with temporary_file(path.parent, name=path.name, mode=mode) as partial:
        yield partial
        if durable:
            _flush(partial)
        partial.replace(path)
        if durable:
            _flush(path.parent)


def create_file(path: Path, content: bytes) -> None:
    """Create a file unless there is one: with all its content and on the disk, or not at all."""
    with temporary_file(path.parent, name=path.name) as partial:
        partial.write_bytes(content)
        _flush(partial)
        with suppress(FileExistsError):
            os.link(partial, path)  # unlike a rename it never replaces what another process created
        _flush(path.parent)


def sweep(folder: Path, *, name: str = "", older_than: float = OLD_SECONDS) -> int:
    """Remove the temporary files of processes that have ended; return how many.

    Without a `name` all of them in `folder` and below it, where only Toploss writes; with a `name` only those
    for this file of `folder`.
    """
    moment, removed = time.time(), 0
    for path in _parts(folder, name):
        with suppress(OSError):
            if moment - path.lstat().st_mtime >= older_than and _is_abandoned(path, moment):
                path.unlink()
                removed += 1
    return removed


def is_full(error: BaseException | None) -> bool:
    """Whether the disk is full, also if only a library's message or the cause of the error shows it."""
    while error is not None:
        if getattr(error, "errno", None) in _FULL or os.strerror(errno.ENOSPC) in str(error):
            return True
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            return True
        error = error.__cause__
    return False


def _create(folder: Path, name: str, mode: int) -> tuple[Path, int]:
    while True:
        path = folder / f"{_prefix(name)}{secrets.token_hex(8)}{PART}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:  # otherwise a sweep has removed it before the lock
            os.fchmod(descriptor, mode)  # whatever the umask says
            return path, descriptor
        os.close(descriptor)


def _prefix(name: str) -> str:
    return f".{name[:LONGEST_NAME]}." if name else "."


def _parts(folder: Path, name: str) -> Iterator[Path]:
    for below, _, names in os.walk(folder):
        if name:
            ours = [each for each in names if each.startswith(_prefix(name)) and each.endswith(PART)]
        else:  # all hidden files there are temporary; earlier versions also wrote visible ones
            ours = [each for each in names if each.startswith(".") or each.endswith(".partial")]
        yield from (Path(below, each) for each in ours)
        if name:
            return


def _is_abandoned(path: Path, moment: float) -> bool:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return moment - os.fstat(descriptor).st_mtime >= LOST_SECONDS
    finally:
        os.close(descriptor)
    return True


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
