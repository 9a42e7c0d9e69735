"""Files that are whole or not there, that only their owner can read, and that leave nothing behind.

A file is written under another name and then moved into its place. Until then it is locked, so that a sweep
can tell what a killed process has left from what a live one is writing, whichever process or container that
is.
"""

import errno
import fcntl
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PRIVATE_FILE, PRIVATE_FOLDER, OTHERS = 0o600, 0o700, 0o077
OLD_SECONDS = 3600  # a sweep takes nothing younger
LOST_SECONDS = 24 * 3600  # where a file system knows no locks, whoever has not written for so long is gone
LONGEST_NAME = 40  # characters of a name that are kept in a temporary one, which has to stay below 255 bytes
PART = ".part"
_FULL = (errno.ENOSPC, errno.EDQUOT)
_asked: list[int] = []  # the umask that the process was started with


def keep_private() -> None:
    """Let nobody but this user read what the process, and those it starts, writes from now on."""
    before = os.umask(OTHERS)
    if not _asked:
        _asked.append(before)


def persons_mode() -> int:
    """The mode of a file that a person asked for: the one that the person's umask allows."""
    if _asked:
        return 0o666 & ~_asked[0]
    umask = os.umask(OTHERS)
    os.umask(umask)
    return 0o666 & ~umask


def make_private(paths: Iterable[Path]) -> list[Path]:
    """Take every permission of other users from these files and folders, and from all in them; the answer is what stays open.

    Links are left as they are.
    """
    left = []
    for path in paths:
        with suppress(FileNotFoundError):
            if path.is_dir() and not path.is_symlink():
                left += make_private(path.iterdir())
            if not path.is_symlink() and (mode := path.stat().st_mode) & OTHERS:
                try:
                    path.chmod(mode & ~OTHERS & 0o7777)
                except PermissionError:  # somebody else's
                    left.append(path)
    return left


@contextmanager
def temporary_file(folder: Path, *, name: str = "", mode: int = PRIVATE_FILE) -> Iterator[Path]:
    """An empty file in `folder` to write to; what is there when the block ends is removed, so move what is to stay."""
    path, descriptor = _create(folder, name, mode)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


@contextmanager
def write_atomically(path: Path, *, mode: int = PRIVATE_FILE, durable: bool = True) -> Iterator[Path]:
    """A file to write to, which takes the place of `path` when the block ends, and is removed when it raises.

    `durable` waits until the disk has it, so that even a power cut leaves the old or the new file, whole.
    """
    with temporary_file(path.parent, name=path.name, mode=mode) as partial:
        yield partial
        if durable:
            _flush(partial)
        partial.replace(path)
        if durable:
            _flush(path.parent)


def sweep(folder: Path, *, name: str = "", older_than: float = OLD_SECONDS) -> int:
    """Remove the temporary files of writers that are no more; the answer is how many.

    Those in `folder`, where the product alone writes, and below it; with a `name` only those that were to
    become this file of `folder`.
    """
    moment, removed = time.time(), 0
    for path in _parts(folder, name):
        with suppress(OSError):
            if moment - path.lstat().st_mtime >= older_than and _is_abandoned(path, moment):
                path.unlink()
                removed += 1
    return removed


def is_full(error: BaseException | None) -> bool:
    """Whether the disk is full, also where a library only tells it in words, or raised something else because of it."""
    while error is not None:
        if getattr(error, "errno", None) in _FULL or os.strerror(errno.ENOSPC) in str(error):
            return True
        error = error.__cause__
    return False


def _create(folder: Path, name: str, mode: int) -> tuple[Path, int]:
    while True:
        path = folder / f"{_prefix(name)}{secrets.token_hex(8)}{PART}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:  # else a sweep was faster than the lock
            os.fchmod(descriptor, mode)  # whatever the umask says
            return path, descriptor
        os.close(descriptor)


def _prefix(name: str) -> str:
    return f".{name[:LONGEST_NAME]}." if name else "."


def _parts(folder: Path, name: str) -> Iterator[Path]:
    for below, _, names in os.walk(folder):
        if name:
            ours = [each for each in names if each.startswith(_prefix(name)) and each.endswith(PART)]
        else:  # nothing else there is hidden; earlier versions wrote some that are not
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
