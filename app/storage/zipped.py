"""A zip on the local disk."""

import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from app.errors import Invalid, NotFound
from app.storage import entries
from app.storage.entries import SourceFile, Unreadable, too_large, unreadable
from app.storage.zip_names import ZipNames, decode_names

ENCRYPTED = 0x1 | 0x40
AES = 99  # the method that stands for it
METHODS = {6: "implode", 9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "XZ", 98: "PPMd"}
LOCAL_HEADER = struct.Struct("<4s22xHH")  # signature, …, length of the name, length of the extra field


class ZipSource:
    """A zip on the local disk.

    The directory is parsed once; every read opens the file anew, so nothing is shared.

    `name` is what people call it; `encoding` the code page of names that are not marked, which is guessed if
    it is not given.
    """

    def __init__(self, path: Path, *, name: str | None = None, encoding: str | None = None) -> None:
        self._path, self._encoding = path, encoding
        self._name = name or path.name

    @cached_property
    def _infos(self) -> list[zipfile.ZipInfo]:
        try:
            with zipfile.ZipFile(self._path) as archive:
                return archive.infolist()
        except FileNotFoundError as error:
            raise NotFound(
                f"There is no zip {self._name}; give the path of a folder or zip of class folders."
            ) from error
        except UnicodeDecodeError as error:
            raise Invalid(
                f"The zip {self._name} marks its file names as UTF-8, but they are not; make it anew."
            ) from error
        except OSError as error:
            raise unreadable(self._name, error) from error
        except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error) as error:
            raise Invalid(
                f"The zip {self._name} is damaged or no zip ({error}); make it anew and import it again."
            ) from error

    @cached_property
    def names(self) -> ZipNames:
        """The names of everything in it, folders too. Raises NotFound and Invalid."""
        return decode_names(self._infos, encoding=self._encoding)

    @cached_property
    def _files(self) -> list[tuple[str, zipfile.ZipInfo]]:
        """Every file with its path."""
        named = zip(self.names.paths, self._infos, strict=True)
        return [(path, entry) for path, entry in named if not path.endswith("/")]

    @cached_property
    def _by_path(self) -> dict[str, zipfile.ZipInfo]:
        return dict(self._files)  # of entries with one name the last one counts, as for unzip

    @cached_property
    def _by_old_path(self) -> dict[str, zipfile.ZipInfo]:
        """Of samples that were imported when names were taken as Python's `zipfile` gives them."""
        return {entry.orig_filename: entry for entry in self._infos}

    @cached_property
    def _overlapping(self) -> set[int]:
        """Offsets of entries that share compressed bytes with another: how 10 MB unpack to terabytes."""
        found = sorted((entry for _, entry in self._files), key=lambda entry: entry.header_offset)
        shared = [
            (a, b)
            for a, b in pairwise(found)
            if a.header_offset + LOCAL_HEADER.size + a.compress_size > b.header_offset
        ]
        return {entry.header_offset for pair in shared for entry in pair}

    def read(self, path: str) -> bytes:
        """The whole entry."""
        entry = self._by_path.get(path) or self._by_old_path.get(path)
        if entry is None:
            raise NotFound(f"The image file {path} is no longer in the stored zip.")
        if problem := self._problem(path, entry):
            raise Unreadable(path, problem)
        try:
            content = _unpack(self._path, entry)
        except FileNotFoundError as error:
            raise NotFound(f"The stored zip {self._name} is gone; put it back.") from error
        except OSError as error:
            raise unreadable(path, error) from error
        except (zlib.error, struct.error) as error:
            raise Unreadable(path, "damaged inside the zip") from error
        if content is None:
            raise Unreadable(path, "damaged inside the zip")
        return content

    def has(self, path: str) -> bool:
        """Whether there is an entry at this path."""
        return path in self._by_path or path in self._by_old_path

    def size(self, path: str) -> int:
        """The bytes of the entry as the archive claims it (`read` refuses one that lies)."""
        if not self.is_there():
            raise NotFound(f"The stored zip {self._name} is gone; put it back.")
        entry = self._by_path.get(path) or self._by_old_path.get(path)
        if entry is None:
            raise NotFound(f"The image file {path} is no longer in the stored zip.")
        if problem := self._problem(path, entry):
            raise Unreadable(path, problem)
        return entry.file_size

    def is_there(self) -> bool:
        """Whether the zip is there."""
        return self._path.is_file()

    def walk(self) -> Iterator[SourceFile]:
        """Every file entry, with the unpacked size in the archive's directory; `read` checks it."""
        for path, entry in self._files:
            hidden = self._by_path[path] is not entry
            problem = (
                "the zip has another file of this name, which is the one imported"
                if hidden
                else self._problem(path, entry)
            )
            yield SourceFile(path, entry.file_size, problem)

    @property
    def empty_folders(self) -> list[str]:
        """The folders that have an entry of their own, and no other in them."""
        inside = {path.rpartition("/")[0] for path in self.names.paths if not path.endswith("/")}
        folders = [path.rstrip("/") for path in self.names.paths if path.endswith("/")]
        above = {folder.rpartition("/")[0] for folder in folders}
        return [folder for folder in folders if folder not in inside and folder not in above]

    def close(self) -> None:
        """Nothing stays open."""

    def _problem(self, path: str, entry: zipfile.ZipInfo) -> str:
        if entry.flag_bits & ENCRYPTED or entry.compress_type == AES:
            return "encrypted; zip it without a password"
        if stat.S_ISLNK(entry.external_attr >> 16):
            return "a symbolic link; zip the file that it leads to"
        if path.startswith("/") or re.match(r"[A-Za-z]:", path):
            return "unsafe name: absolute, or with a drive letter"
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            method = METHODS.get(entry.compress_type, f"method {entry.compress_type}")
            return f"compressed in an unusual way, {method}; zip it with the standard method (deflate)"
        return self._size_problem(entry)

    def _size_problem(self, entry: zipfile.ZipInfo) -> str:
        if entry.file_size > entries.MAX_FILE_BYTES or entry.compress_size > entries.MAX_FILE_BYTES:
            return too_large()
        if (
            entry.file_size > entries.BOMB_BYTES
            and entry.file_size > entries.BOMB_RATIO * entry.compress_size
        ):
            return "a decompression bomb: it unpacks to more than 200 times its size"
        if entry.header_offset in self._overlapping:
            return "a decompression bomb: it shares bytes with another entry"
        return ""


def _unpack(archive: Path, entry: zipfile.ZipInfo) -> bytes | None:
    """The entry's content; none when it is not what the archive's directory says.

    Never unpacks more than the claimed size.

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
