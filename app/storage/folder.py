"""A folder on the local disk."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from app.errors import NotFound
from app.storage import entries
from app.storage.entries import SourceFile, Unreadable, problem_of, too_large, unreadable

MOST_SWAPS = 8  # a file may be replaced so often while it is opened, then it cannot be read
# A folder that files are reached through: Linux asks for no permission to list it then.
WAY = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY


class _Refused(Exception):
    """A file that must not be read; the reason in a few words, and how large it is."""

    def __init__(self, reason: str, size: int = 0) -> None:
        super().__init__(reason)
        self.size = size


class FolderSource:
    """A folder on the local disk.

    Links are followed to files inside of it, never out of it, and never to folders.

    A path is first resolved, then opened part by part from the folder down without following any link. So
    whoever may write to the folder cannot swap a file for a link between the check and the read.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self.empty_folders: list[str] = []  # found by the last `walk`

    def read(self, path: str) -> bytes:
        """The whole file."""
        for _ in range(MOST_SWAPS):
            try:
                real = self._resolved(self._root / path)
                with _open_regular(self._root, real) as file:
                    content = read_bounded(file)
            except _Refused as refusal:
                raise Unreadable(path, str(refusal)) from refusal
            except (FileNotFoundError, NotADirectoryError) as error:
                raise NotFound(f"The image file {path} is no longer where it was imported from.") from error
            except (OSError, ValueError) as error:
                if getattr(error, "errno", None) == errno.ELOOP and not _is_circular(self._root / path):
                    continue  # a part of the resolved path has become a link
                raise unreadable(path, error) from error
            if len(content) > entries.MAX_FILE_BYTES:
                raise Unreadable(path, too_large())
            return content
        raise Unreadable(path, "it is replaced again and again while it is read")

    def has(self, path: str) -> bool:
        """Whether there is anything at this path."""
        return os.path.exists(f"{self._root}/{path}")  # noqa: PTH110 - asked with every key press

    def size(self, path: str) -> int:
        """The bytes of the file."""
        try:
            return _regular(self._root, self._resolved(self._root / path))
        except _Refused as refusal:
            raise Unreadable(path, str(refusal)) from refusal
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFound(f"The image file {path} is no longer where it was imported from.") from error
        except (OSError, ValueError) as error:
            raise unreadable(path, error) from error

    def is_there(self) -> bool:
        """Whether the folder exists and is not empty: an unplugged disk leaves an empty folder."""
        try:
            return any(self._root.iterdir())
        except OSError as error:
            problem_of(error)
            return False

    def walk(self) -> Iterator[SourceFile]:
        """Every file below the folder; an unreadable or linked folder is an entry with a problem."""
        if not self._root.is_dir():
            raise NotFound(
                f"There is no folder {self._root}; give the path of a folder or zip of class folders."
            )
        folders, self.empty_folders = [self._root], []
        while folders:  # no recursion: folders may be nested deeper than Python calls
            folder = folders.pop()
            try:
                found = _listed(self._root, folder)
            except OSError as error:
                yield SourceFile(self._relative(folder), 0, problem_of(error))
                continue
            if not found and folder != self._root:
                self.empty_folders.append(self._relative(folder))
            for name, is_folder in found:
                if is_folder:
                    folders.append(folder / name)
                else:
                    yield self._entry(folder / name)

    def close(self) -> None:
        """Nothing stays open."""

    def _relative(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()

    def _entry(self, file: Path) -> SourceFile:
        try:
            return SourceFile(self._relative(file), _regular(self._root, self._resolved(file)))
        except _Refused as refusal:
            return SourceFile(self._relative(file), refusal.size, str(refusal))
        except (FileNotFoundError, NotADirectoryError):
            return SourceFile(
                self._relative(file),
                0,
                "a link to nothing" if file.is_symlink() else "gone while it was imported",
            )
        except OSError as error:
            return SourceFile(self._relative(file), 0, problem_of(error))

    def _resolved(self, file: Path) -> Path:
        """Where a path below the root really lies. Raises _Refused when that is outside of the root."""
        real = Path(os.path.realpath(file))
        if not real.is_relative_to(self._root):
            raise _Refused("a link that leaves the folder")
        return real


def read_bounded(file: BinaryIO) -> bytes:
    """All of a file, or one byte more than it may have; it may grow meanwhile.

    Not in one call with the bound, for which memory of that size would be reserved with each file.
    """
    size = min(os.fstat(file.fileno()).st_size, entries.MAX_FILE_BYTES)
    content = file.read(size + 1)
    return content if len(content) <= size else content + file.read(entries.MAX_FILE_BYTES - size)


def _open_regular(root: Path, real: Path) -> BinaryIO:
    """A regular file below `root`, opened without following any link below it. Raises _Refused, OSError."""
    # Opening a device or pipe may have an effect or block, so the file is checked before and after it is
    # opened.
    _regular(root, real)
    with _opened(root, real.parent) as folder:
        descriptor = os.open(real.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    file = os.fdopen(descriptor, "rb")
    try:
        _check_regular(os.fstat(descriptor))
    except BaseException:
        file.close()
        raise
    return file


def _regular(root: Path, real: Path) -> int:
    """The size of a regular file below `root`, in bytes. Raises _Refused, OSError."""
    if real == root:
        raise _Refused("a link to a folder: what is in it is imported where it really lies")
    with _opened(root, real.parent) as folder:
        status = os.stat(real.name, dir_fd=folder, follow_symlinks=False)
    _check_regular(status)
    return status.st_size


def _check_regular(status: os.stat_result) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    if stat.S_ISDIR(status.st_mode):
        raise _Refused("a link to a folder: what is in it is imported where it really lies", status.st_size)
    if not stat.S_ISREG(status.st_mode):
        raise _Refused("not a regular file", status.st_size)
    if status.st_size > entries.MAX_FILE_BYTES:
        raise _Refused(too_large(), status.st_size)


@contextmanager
def _opened(root: Path, folder: Path) -> Iterator[int]:
    """The descriptor of `root`, or of a folder below it, reached without following a link below `root`.

    Raises OSError.
    """
    descriptor = os.open(root, WAY)
    try:
        for name in folder.relative_to(root).parts:
            above, descriptor = descriptor, _open_folder(name, descriptor)
            os.close(above)
        yield descriptor
    finally:
        os.close(descriptor)


def _open_folder(name: str, above: int) -> int:
    try:
        return os.open(name, WAY | os.O_NOFOLLOW, dir_fd=above)
    except NotADirectoryError:  # what Linux says of a link, too
        if stat.S_ISLNK(os.stat(name, dir_fd=above, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None
        raise


def _listed(root: Path, folder: Path) -> list[tuple[str, bool]]:
    """The names in a folder, sorted, each with whether it is a folder and no link. Raises OSError."""
    with _opened(root, folder) as way:
        descriptor = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=way)
    try:
        with os.scandir(descriptor) as scan:
            return sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in scan)
    finally:
        os.close(descriptor)


def _is_circular(file: Path) -> bool:
    """Whether a path goes through links that lead back to themselves."""
    try:
        file.stat()
    except OSError as error:
        return error.errno == errno.ELOOP
    return False
