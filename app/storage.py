"""Where image files lie: a folder, a zip or anything fsspec opens. Read-only, always.

What is refused is refused here, once, for the import as for every later reader: links that leave the folder, devices,
encrypted or dishonest zip entries, files too large to be an image.
"""

import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Protocol

import fsspec

from app.errors import Invalid, NotFound

MAX_FILE_BYTES = 512 * 1024**2  # unpacked; a larger file is no image, and would be read into memory whole
BOMB_BYTES, BOMB_RATIO = (
    16 * 1024**2,
    200,
)  # deflate reaches 1,000; pictures, even of one colour, stay small or below this

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


class FolderSource:
    """A folder on the local disk. Links are followed to files inside of it, never out of it, and never to folders."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def read(self, path: str) -> bytes:
        """The whole file."""
        file = self._root / path
        try:
            if problem := self._problem(file):
                raise Unreadable(path, problem)
            with file.open("rb") as opened:
                content = opened.read(MAX_FILE_BYTES + 1)  # it may have grown since its size was looked at
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFound(f"The image file {path} is no longer where it was imported from.") from error
        except (OSError, ValueError) as error:
            raise Unreadable(path, _why(error)) from error
        if len(content) > MAX_FILE_BYTES:
            raise Unreadable(path, _too_large())
        return content

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
                with os.scandir(folder) as scan:
                    entries = sorted(scan, key=lambda entry: entry.name)
            except OSError as error:
                yield Entry(self._relative(folder), 0, _why(error))
                continue
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(Path(entry.path))
                else:
                    yield self._entry(Path(entry.path))

    def close(self) -> None:
        """Nothing stays open."""

    def _relative(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()

    def _entry(self, file: Path) -> Entry:
        try:
            return Entry(self._relative(file), file.stat().st_size, self._problem(file))
        except (FileNotFoundError, NotADirectoryError):
            return Entry(
                self._relative(file),
                0,
                "a link to nothing" if file.is_symlink() else "gone while it was imported",
            )
        except OSError as error:
            return Entry(self._relative(file), 0, _why(error))

    def _problem(self, file: Path) -> str:
        """Why a path below the root must not be read; empty when it may. Raises OSError."""
        if not Path(os.path.realpath(file)).is_relative_to(self._root):
            return "a link that leaves the folder"
        status = file.stat()
        if stat.S_ISDIR(status.st_mode):
            return "a link to a folder: what is in it is imported where it really lies"
        if not stat.S_ISREG(status.st_mode):
            return "not a regular file"  # a pipe or device could block for ever
        return _too_large() if status.st_size > MAX_FILE_BYTES else ""


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
