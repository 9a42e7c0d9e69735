"""The file format of a backup: a plain tar that begins with a description and ends with checksums.

`backup.json`, then `toploss.db` or `postgresql.dump`, then `data/…` (what goes into the data folder), then
`SHA256SUMS` as `sha256sum -c` reads it. A file that was cut off lacks the last member. Any tar unpacks it; it
is not compressed, since images and weights already are.
"""

import errno
import hashlib
import io
import json
import os
import re
import shutil
import tarfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

from app.errors import Conflict, Invalid
from app.files import PRIVATE_FILE, PRIVATE_FOLDER

FORMAT = 1
HIGHEST_FORMAT = 1_000  # a larger number is none that any version writes
ABOUT, SUMS, SQLITE, DUMP, DATA = "backup.json", "SHA256SUMS", "toploss.db", "postgresql.dump", "data/"
BLOCK = 1024**2
LONGEST_WORD = 200  # characters of a field of the description, and of a name in a message
KEY = "secret.key"
FILES = (KEY, "demo-logins.txt")
FOLDERS = ("uploads", "runs", "photos", "demo")
# What Toploss creates in a data folder itself; no images lie there.
_RESERVED = re.compile(
    r"\.restoring|(toploss|jobs)\.db(-wal|-shm|-journal|\.lock)?|worker-.*\.lock", re.IGNORECASE
)
KINDS = ("sqlite", "postgresql", "elsewhere")


@dataclass(frozen=True)
class About:
    """The description of a backup."""

    toploss: str  # version of the program
    made_at: str  # ISO 8601, UTC
    revision: str  # of the database
    database: str  # sqlite, postgresql, or elsewhere: dumped apart
    key_in_environment: bool
    sources: dict[str, str] = field(default_factory=dict)  # of a data set → its path in the data folder
    format: int = FORMAT


class Readable(Protocol):
    """Something that is read in pieces."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes."""
        ...


class _Hashing:
    """Passes on what it reads and hashes it."""

    def __init__(self, source: Readable) -> None:
        self._source, self.hash = source, hashlib.sha256()

    def read(self, size: int = BLOCK, /) -> bytes:
        content = self._source.read(size)
        self.hash.update(content)
        return content


@contextmanager
def writing(file: IO[bytes], about: About) -> Iterator["Writer"]:
    """A backup that is written to `file` during the block and completed at its end."""
    writer = Writer(file, about)
    try:
        yield writer
        writer.close()
    except BaseException:
        with suppress(OSError):  # it is not wanted any more
            writer.give_up()
        raise


class Writer:
    """Writes a backup from its beginning to its end; holds one block at a time in memory."""

    def __init__(self, file: IO[bytes], about: About) -> None:
        self._tar = tarfile.open(  # noqa: SIM115 - closed by `close`
            fileobj=file, mode="w|", format=tarfile.PAX_FORMAT, bufsize=BLOCK
        )
        self._sums: dict[str, str] = {}
        self._add_text(ABOUT, json.dumps(asdict(about), indent=1))

    def add(self, name: str, source: IO[bytes]) -> int:
        """Add a regular file that is open; the answer is its bytes.

        Raises Conflict when it becomes shorter meanwhile.
        """
        status = os.fstat(source.fileno())
        member = _member(name, status.st_size, int(status.st_mtime))
        hashing = _Hashing(source)
        try:
            self._tar.addfile(member, hashing)
        except OSError as error:
            if error.errno is None:  # tarfile's own words for a file that ends too early
                raise Conflict(f"{name} changed while it was read; make the backup again.") from error
            raise
        self._sums[name] = hashing.hash.hexdigest()
        return status.st_size

    def close(self) -> None:
        """Add the checksums, and end."""
        self._add_text(SUMS, "".join(f"{_line(name, digest)}\n" for name, digest in self._sums.items()))
        self._tar.close()

    def give_up(self) -> None:
        """End without the checksums, so that nobody takes it for a backup."""
        self._tar.close()

    def _add_text(self, name: str, text: str) -> None:
        content = text.encode(errors="surrogateescape")
        self._tar.addfile(_member(name, len(content), 0), io.BytesIO(content))
        self._sums[name] = hashlib.sha256(content).hexdigest()


def unpack(file: IO[bytes], folder: Path) -> About:
    """Write everything in a backup to the empty `folder`: `toploss.db` or `postgresql.dump`, and `data`.

    Raises Invalid when it is no backup, is of a newer version, incomplete or damaged, or names a path outside
    the folder.
    """
    sums: dict[str, str] = {}
    about: About | None = None
    listed: str | None = None
    (folder / DATA).mkdir(mode=PRIVATE_FOLDER)
    try:
        with tarfile.open(fileobj=file, mode="r|", bufsize=BLOCK) as tar:
            for member in tar:
                sources = about.sources.values() if about else ()
                name = _sound_name(member, known=sums, sources=sources)
                content = tar.extractfile(member)
                if content is None or listed is not None:
                    raise Invalid(f"The backup is damaged: {_shown(name)} is not where it belongs.")
                if about is None:
                    about, sums[name] = _read_about(name, content.read(BLOCK))
                elif name == SUMS:
                    longest = sum(
                        len(_line(*each).encode(errors="surrogateescape")) + 1 for each in sums.items()
                    )
                    listed = content.read(longest + BLOCK).decode(errors="surrogateescape")
                else:
                    sums[name] = _write(content, folder / name)
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise Invalid(
            f"This is no backup of Toploss, or it is cut off or damaged ({error}); take another one."
        ) from error
    if about is None or listed is None:
        raise Invalid("The backup is cut off: its end is missing. Copy it again, or take another one.")
    lines = {name: _line(name, digest) for name, digest in sums.items()}
    if listed.split("\n") != [*lines.values(), ""]:
        wrong = sorted(set(listed.split("\n")[:-1]) ^ set(lines.values()))
        what = wrong[0].split("  ", 1)[-1] if wrong else "the list of its files"
        raise Invalid(
            f"The backup is damaged: {_shown(what)} is not what was saved. Take another copy, or another "
            "backup."
        )
    return about


def _read_about(name: str, content: bytes) -> tuple[About, str]:
    """What it says, and its checksum. Raises Invalid when it is not ours, or of a newer program."""
    try:
        said: Any = json.loads(content) if name == ABOUT else {}
        number = said["format"]
        if number == FORMAT:
            about = About(**said)
            _check_about(about)
            return about, hashlib.sha256(content).hexdigest()
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise Invalid(
            "This is no backup of Toploss; name a file that `toploss backup` has written."
        ) from error
    if type(number) is not int or number >= HIGHEST_FORMAT:
        raise Invalid("This is no backup of Toploss; name a file that `toploss backup` has written.")
    raise Invalid(
        f"The backup has format {number}, and this Toploss knows {FORMAT}; restore it with a newer one."
    )


def _check_about(about: About) -> None:
    """Raises TypeError or ValueError unless every field is what `toploss backup` writes."""
    words = (about.toploss, about.made_at, about.revision, about.database)
    if not all(isinstance(word, str) and word.isprintable() and len(word) <= LONGEST_WORD for word in words):
        raise TypeError("a field is no short text")
    if (
        type(about.format) is not int
        or about.database not in KINDS
        or type(about.key_in_environment) is not bool
    ):
        raise ValueError("a field has a value that no backup has")
    if not isinstance(about.sources, dict) or not all(
        isinstance(member, str)
        and _is_text(source + member)
        and "\0" not in member
        and not {"", ".."} & set(member.split("/"))
        for source, member in about.sources.items()
    ):
        raise TypeError("the sources are no places in the data folder")


def _is_text(text: str) -> bool:
    """Whether a database can store it: no half characters (lone surrogates)."""
    return text.encode(errors="replace").decode() == text


def _sound_name(member: tarfile.TarInfo, *, known: dict[str, str], sources: Collection[str]) -> str:
    """The member's name. Raises Invalid unless it is a file of ours that lies in the folder."""
    name = member.name
    parts = name.split("/")
    ours = name in (ABOUT, SUMS, SQLITE, DUMP) or (
        name.startswith(DATA) and _is_saved(name.removeprefix(DATA), sources)
    )
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.sparse is not None:
        raise Invalid(f"The backup has {_shown(name)}, which is no plain file; nothing of it is restored.")
    if not ours or "\0" in name or any(part in ("", ".", "..") for part in parts):
        raise Invalid(
            f"The backup names a place that is not its own: {_shown(name)}. Nothing of it is restored."
        )
    if name in known:
        raise Invalid(f"The backup has {_shown(name)} twice; nothing of it is restored.")
    return name


def _is_saved(path: str, sources: Collection[str]) -> bool:
    """Whether `toploss backup` saves a file at this path of the data folder; others may prevent a start."""
    first, _, rest = path.partition("/")
    if first in FOLDERS:
        return bool(rest)
    if first in FILES:
        return not rest
    return not _RESERVED.fullmatch(first) and any(
        path == source or path.startswith(f"{source}/") for source in sources
    )


def _write(content: Readable, path: Path) -> str:
    """The checksum of what was written."""
    try:
        _make_folder(path.parent)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, PRIVATE_FILE)
    except (FileExistsError, NotADirectoryError, ValueError) as error:
        raise Invalid(
            f"The backup names {_shown(path.name)} as a file and as a folder; nothing is restored."
        ) from error
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        raise Invalid(
            f"The backup names a file whose name is too long for this disk: {_shown(path.name)}. "
            "Nothing of it is restored."
        ) from error
    hashing = _Hashing(content)
    with os.fdopen(descriptor, "wb") as file:
        shutil.copyfileobj(hashing, file, BLOCK)
        file.flush()
        os.fsync(file.fileno())
    return hashing.hash.hexdigest()


def _shown(name: str) -> str:
    """A name in a message: short, and without anything that a terminal would obey."""
    short = name if len(name) <= LONGEST_WORD else f"{name[:LONGEST_WORD]}…"
    return short if short.isprintable() else ascii(short)[1:-1]


def _make_folder(path: Path) -> None:
    """With those above it, all of them private (`mkdir` gives the mode to the last one only)."""
    if not path.is_dir():
        _make_folder(path.parent)
        path.mkdir(mode=PRIVATE_FOLDER)


def _member(name: str, size: int, mtime: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = size, mtime, PRIVATE_FILE
    return member


def _line(name: str, digest: str) -> str:
    """As `sha256sum` writes it: a name with a line break in it is escaped, and the line says so."""
    escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return f"{'' if escaped == name else chr(92)}{digest}  {escaped}"
