"""A source with others that were added to it later: their files have a folder of their own in its paths."""

from collections.abc import Iterator, Mapping

from app.errors import NotFound
from app.storage.entries import ImageSource, SourceFile

ADDED = "added-"  # then the number of the part, from 1


def folder_of(number: int) -> str:
    """The first folder in the paths of a part."""
    return f"{ADDED}{number}"


class JoinedSource:
    """A main source and its parts.

    `walk` lists the main source alone, because an import reads each part once, when it is added.
    """

    def __init__(self, main: ImageSource, parts: Mapping[str, ImageSource]) -> None:
        self.main, self._parts = main, parts

    def read(self, path: str) -> bytes:
        """The whole file."""
        source, below = self._at(path)
        return source.read(below)

    def has(self, path: str) -> bool:
        """Whether there is anything at this path."""
        source, below = self._at(path)
        return source.has(below)

    def size(self, path: str) -> int:
        """The bytes of the file."""
        source, below = self._at(path)
        return source.size(below)

    def is_there(self) -> bool:
        """Whether the main source can be reached."""
        return self.main.is_there()

    def walk(self) -> Iterator[SourceFile]:
        """Every file of the main source, but for those whose paths are those of parts."""
        for entry in self.main.walk():
            if entry.path.partition("/")[0] not in self._parts:
                yield entry

    def close(self) -> None:
        """Give back what is open."""
        for source in (self.main, *self._parts.values()):
            source.close()

    def _at(self, path: str) -> tuple[ImageSource, str]:
        folder, _, below = path.partition("/")
        if folder in self._parts:
            if not below:
                raise NotFound(f"{path} is a folder.")
            return self._parts[folder], below
        return self.main, path
