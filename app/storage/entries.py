"""What every source of images has in common: its files, what is refused, how large a file may be."""

import errno
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from app.errors import Busy, Invalid, shortage

MAX_FILE_BYTES = 512 * 1024**2  # unpacked; a larger file is no image, and would be read into memory whole
UNKNOWN_SIZE = -1  # what a web server does not tell
BOMB_BYTES = 16 * 1024**2
BOMB_RATIO = 200  # deflate reaches 1,000; pictures, even of one colour, stay small or below this


class Unreadable(Invalid):
    """A file that is there but must not, or cannot, be read; `reason` says why in a few words."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"The file {path} cannot be read: {reason}.")
        self.reason = reason


class DiskFails(Unreadable):
    """A file that the disk does not give; the file itself may be right."""

    code = "unavailable"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of a source: relative POSIX path, unpacked bytes or UNKNOWN_SIZE, and a problem or nothing."""

    path: str
    size: int
    problem: str = ""


class ImageSource(Protocol):
    """A tree of files read by relative POSIX path, from any number of threads and forked processes."""

    def read(self, path: str) -> bytes:
        """The whole file. Raises NotFound when it is gone, Unreadable when it is refused or damaged."""
        ...

    def has(self, path: str) -> bool:
        """Whether there is anything at this path; as quick as can be, and no promise that it may be read."""
        ...

    def size(self, path: str) -> int:
        """The bytes of a file or UNKNOWN_SIZE, without reading it.

        Raises NotFound when it is gone, Unreadable when it is refused.
        """
        ...

    def is_there(self) -> bool:
        """Whether the source as a whole can be reached: a disk may be unplugged, a bucket out of reach."""
        ...

    def walk(self) -> Iterator[SourceFile]:
        """Every file, in any order. Raises NotFound or Invalid when the source as a whole cannot be read."""
        ...

    def close(self) -> None:
        """Give back what is open."""
        ...


def too_large() -> str:
    """The reason of a file that is no image for its size."""
    return f"too large: more than {MAX_FILE_BYTES // 1024**2} MB"


def why(error: Exception) -> str:
    """What the system says of a file that cannot be read, in a few words."""
    if isinstance(error, PermissionError):
        return "no permission to read it"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def unreadable(path: str, error: Exception) -> Busy | Unreadable:
    """The error for a file that the system does not read: the file, the disk or the process may be why."""
    if short := shortage(error):
        return short
    kind = DiskFails if getattr(error, "errno", None) == errno.EIO else Unreadable
    return kind(path, why(error))


def problem_of(error: OSError) -> str:
    """`why`, for a file that is only listed. Raises Busy if the file is not why."""
    if short := shortage(error):
        raise short from error
    return why(error)
