"""What every source of images has in common: its files, what is refused, how large a file may be."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from app.errors import Invalid

MAX_FILE_BYTES = 512 * 1024**2  # unpacked; a larger file is no image, and would be read into memory whole
UNKNOWN_SIZE = -1  # what a web server does not tell
BOMB_BYTES = 16 * 1024**2
BOMB_RATIO = 200  # deflate reaches 1,000; pictures, even of one colour, stay small or below this


class Unreadable(Invalid):
    """A file that is there but must not, or cannot, be read; `reason` says why in a few words."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"The file {path} cannot be read: {reason}.")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Entry:
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

    def walk(self) -> Iterator[Entry]:
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
