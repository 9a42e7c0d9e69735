"""Where image files lie: a folder, a zip or anything fsspec opens. Read-only, always.

What is refused is refused here, once, for the import as for every later reader: links that leave the folder, devices,
encrypted or dishonest zip entries, files too large to be an image.
"""

import errno
import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol

import fsspec

from app.errors import Invalid, NotFound

MAX_FILE_BYTES = 512 * 1024**2  # unpacked; a larger file is no image, and would be read into memory whole
BOMB_BYTES, BOMB_RATIO = (
    16 * 1024**2,
    200,
)  # deflate reaches 1,000; pictures, even of one colour, stay small or below this

MOST_SWAPS = 8  # a file may be replaced so often while it is opened, then it cannot be read
# A folder that files are reached through: Linux asks for no permission to list it then.
WAY = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY
ENCRYPTED = 0x1 | 0x40
LOCAL_HEADER = struct.Struct("<4s22xHH")  # signature, …, length of the name, length of the extra field


class Unreadable(Invalid):
    """A file that is there but must not, or cannot, be read; `reason` says why in a few words."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"The file {path} cannot be read: {reason}.")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a source: relative POSIX path, bytes (unpacked), and in a few words why it cannot be read, if it cannot."""

    path: str
    size: int
    problem: str = ""


class ImageSource(Protocol):
    """A tree of files read by relative POSIX path, from any number of threads and forked processes."""

    def read(self, path: str) -> bytes:
        """The whole file. Raises NotFound when it is gone, Unreadable when it is refused or damaged."""
        ...

    def walk(self) -> Iterator[Entry]:
        """Every file, in any order. Raises NotFound or Invalid when the source as a whole cannot be read."""
        ...

    def close(self) -> None:
        """Give back what is open."""
        ...


class _Refused(Exception):
    """A file that must not be read; the reason in a few words, and how large it is."""

    def __init__(self, reason: str, size: int = 0) -> None:
        super().__init__(reason)
        self.size = size


class FolderSource:
    """A folder on the local disk. Links are followed to files inside of it, never out of it, and never to folders.

    A path is first resolved, then opened part by part from the folder down without following any link. So whoever may
    write to the folder cannot swap a file for a link between the check and the read.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def read(self, path: str) -> bytes:
        """The whole file."""
        for _ in range(MOST_SWAPS):
            try:
                real = self._resolved(self._root / path)
                with _open_regular(self._root, real) as file:
                    content = file.read(MAX_FILE_BYTES + 1)  # it may have grown since its size was looked at
            except _Refused as refusal:
                raise Unreadable(path, str(refusal)) from refusal
            except (FileNotFoundError, NotADirectoryError) as error:
                raise NotFound(f"The image file {path} is no longer where it was imported from.") from error
            except (OSError, ValueError) as error:
                if getattr(error, "errno", None) == errno.ELOOP and not _is_circular(self._root / path):
                    continue  # a part of the resolved path has become a link
                raise Unreadable(path, _why(error)) from error
            if len(content) > MAX_FILE_BYTES:
                raise Unreadable(path, _too_large())
            return content
        raise Unreadable(path, "it is replaced again and again while it is read")

    def walk(self) -> Iterator[Entry]:
        """Every file below the folder; a folder that cannot be listed, or is a link, is an entry with a problem."""
        if not self._root.is_dir():
            raise NotFound(
                f"There is no folder {self._root}; give the path of a folder or zip of class folders."
            )
        folders = [self._root]
        while folders:  # no recursion: folders may be nested deeper than Python calls
            folder = folders.pop()
            try:
                entries = _listed(self._root, folder)
            except OSError as error:
                yield Entry(self._relative(folder), 0, _why(error))
                continue
            for name, is_folder in entries:
                if is_folder:
                    folders.append(folder / name)
                else:
                    yield self._entry(folder / name)

    def close(self) -> None:
        """Nothing stays open."""

    def _relative(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()

    def _entry(self, file: Path) -> Entry:
        try:
            return Entry(self._relative(file), _regular(self._root, self._resolved(file)))
        except _Refused as refusal:
            return Entry(self._relative(file), refusal.size, str(refusal))
        except (FileNotFoundError, NotADirectoryError):
            return Entry(
                self._relative(file),
                0,
                "a link to nothing" if file.is_symlink() else "gone while it was imported",
            )
        except OSError as error:
            return Entry(self._relative(file), 0, _why(error))

    def _resolved(self, file: Path) -> Path:
        """Where a path below the root really lies. Raises _Refused when that is outside of the root."""
        real = Path(os.path.realpath(file))
        if not real.is_relative_to(self._root):
            raise _Refused("a link that leaves the folder")
        return real


class RemoteSource:
    """A folder behind any other URL that fsspec opens, such as `s3://bucket/images`."""

    def __init__(self, url: str) -> None:
        try:
            self._files, root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise Invalid(
                f"{url} cannot be opened: {error}. Install what it needs, or import from a folder."
            ) from error
        self._root = str(root).rstrip("/")

    def read(self, path: str) -> bytes:
        """The whole file."""
        try:
            content: bytes = self._files.cat_file(f"{self._root}/{path}", start=0, end=MAX_FILE_BYTES + 1)
        except FileNotFoundError as error:
            raise NotFound(f"The image file {path} is no longer where it was imported from.") from error
        except OSError as error:
            raise Unreadable(path, _why(error)) from error
        if len(content) > MAX_FILE_BYTES:
            raise Unreadable(path, _too_large())
        return content

    def walk(self) -> Iterator[Entry]:
        """Every file below the folder."""
        try:
            found = self._files.find(self._root, detail=True)
        except OSError as error:
            raise Invalid(
                f"{self._root} cannot be listed ({_why(error)}); check the address and the credentials."
            ) from error
        root = PurePosixPath(self._root)
        for path, info in found.items():
            size = int(info.get("size") or 0)
            yield Entry(
                PurePosixPath(path).relative_to(root).as_posix(),
                size,
                _too_large() if size > MAX_FILE_BYTES else "",
            )

    def close(self) -> None:
        """Nothing stays open."""


class ZipSource:
    """A zip on the local disk. The directory is parsed once; every read opens the file anew, so nothing is shared."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def _entries(self) -> list[zipfile.ZipInfo]:
        try:
            with zipfile.ZipFile(self._path) as archive:
                return [entry for entry in archive.infolist() if not entry.is_dir()]
        except FileNotFoundError as error:
            raise NotFound(
                f"There is no zip {self._path}; give the path of a folder or zip of class folders."
            ) from error
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error) as error:
            raise Invalid(
                f"The zip {self._path.name} is damaged or no zip ({error}); make it anew and import it again."
            ) from error

    @cached_property
    def _by_path(self) -> dict[str, zipfile.ZipInfo]:
        return {
            entry.filename: entry for entry in self._entries
        }  # of entries with one name the last one counts, as for unzip

    @cached_property
    def _overlapping(self) -> set[int]:
        """Offsets of entries that share compressed bytes with another: how 10 MB unpack to terabytes."""
        entries = sorted(self._entries, key=lambda entry: entry.header_offset)
        shared = [
            (a, b)
            for a, b in pairwise(entries)
            if a.header_offset + LOCAL_HEADER.size + a.compress_size > b.header_offset
        ]
        return {entry.header_offset for pair in shared for entry in pair}

    def read(self, path: str) -> bytes:
        """The whole entry."""
        entry = self._by_path.get(path)
        if entry is None:
            raise NotFound(f"The image file {path} is no longer in the stored zip.")
        if problem := self._problem(entry):
            raise Unreadable(path, problem)
        try:
            content = _unpack(self._path, entry)
        except FileNotFoundError as error:
            raise NotFound(f"The stored zip {self._path} is gone; put it back.") from error
        except (OSError, zlib.error, struct.error) as error:
            raise Unreadable(path, "damaged inside the zip") from error
        if content is None:
            raise Unreadable(path, "damaged inside the zip")
        return content

    def walk(self) -> Iterator[Entry]:
        """Every file entry, with its unpacked size as the archive claims it (`read` refuses one that lies)."""
        for entry in self._entries:
            hidden = self._by_path[entry.filename] is not entry
            problem = (
                "the zip has another file of this name, which is the one imported"
                if hidden
                else self._problem(entry)
            )
            yield Entry(entry.filename, entry.file_size, problem)

    def close(self) -> None:
        """Nothing stays open."""

    def _problem(self, entry: zipfile.ZipInfo) -> str:  # noqa: PLR0911 - one line a refusal
        if entry.flag_bits & ENCRYPTED:
            return "encrypted"
        if stat.S_ISLNK(entry.external_attr >> 16):
            return "a symbolic link"
        if "\\" in entry.filename or entry.filename.startswith("/") or re.match(r"[A-Za-z]:", entry.filename):
            return "unsafe name: absolute, or with backslashes or a drive letter"
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            return "compressed in an unusual way; zip it with the standard method (deflate)"
        if entry.file_size > MAX_FILE_BYTES or entry.compress_size > MAX_FILE_BYTES:
            return _too_large()
        if entry.file_size > BOMB_BYTES and entry.file_size > BOMB_RATIO * entry.compress_size:
            return "a decompression bomb: it unpacks to more than 200 times its size"
        return (
            "a decompression bomb: it shares bytes with another entry"
            if entry.header_offset in self._overlapping
            else ""
        )


def open_source(source: str) -> ImageSource:
    """The source behind a dataset's `source` text: a `.zip` on the local disk, a local folder, or a URL."""
    if "://" in source and not source.startswith("file://"):
        return RemoteSource(source)
    path = Path(source.removeprefix("file://"))
    return ZipSource(path) if path.suffix.lower() == ".zip" and not path.is_dir() else FolderSource(path)


def _open_regular(root: Path, real: Path) -> BinaryIO:
    """A regular file below `root`, opened without following any link below it. Raises _Refused, OSError."""
    # A device or pipe may act or block as soon as it is opened, so it is looked at first, and again once it is open.
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
    if status.st_size > MAX_FILE_BYTES:
        raise _Refused(_too_large(), status.st_size)


@contextmanager
def _opened(root: Path, folder: Path) -> Iterator[int]:
    """The descriptor of `root`, or of a folder below it, reached without following a link below `root`. Raises OSError."""
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


def _unpack(archive: Path, entry: zipfile.ZipInfo) -> bytes | None:
    """The entry's content; none when it is not what the archive's directory says. Never unpacks more than the claimed size.

    `zipfile` shares one file position between threads and forked processes, and unpacks before it counts.
    """
    with archive.open("rb") as file:
        file.seek(entry.header_offset)
        signature, name_length, extra_length = LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))
        if signature != b"PK\3\4":
            return None
        file.seek(name_length + extra_length, os.SEEK_CUR)
        content = file.read(entry.compress_size)
    if entry.compress_type == zipfile.ZIP_DEFLATED:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        content = inflater.decompress(content, entry.file_size + 1)
    return content if len(content) == entry.file_size and zlib.crc32(content) == entry.CRC else None


def _too_large() -> str:
    return f"too large: more than {MAX_FILE_BYTES // 1024**2} MB"


def _why(error: Exception) -> str:
    if isinstance(error, PermissionError):
        return "no permission to read it"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
