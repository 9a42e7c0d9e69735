"""Files behind the URLs of a list, for web servers and buckets that list nothing themselves."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from app.errors import Invalid, NotFound
from app.storage.entries import UNKNOWN_SIZE, SourceFile
from app.storage.remote import RemoteSource

SUFFIX = ".urls"


class ListedSource(RemoteSource):
    """The files of a list: a text file with a line for each, the path, a tab and the URL."""

    def __init__(self, path: Path) -> None:
        self._path = path
        first = next(iter(self._addresses.values()), "")
        if not first:
            raise Invalid("The list of this source names no file; import the label file again.")
        super().__init__(first)

    @cached_property
    def _addresses(self) -> dict[str, str]:
        try:
            lines = self._path.read_text("utf-8").split("\n")
        except OSError as error:
            raise NotFound("The stored list of this source is gone; import the label file again.") from error
        return {path: url for path, tab, url in (line.partition("\t") for line in lines) if tab}

    def _address(self, path: str) -> str:
        if path not in self._addresses:
            raise FileNotFoundError(path)
        return self._addresses[path]

    def has(self, path: str) -> bool:
        """Whether the list has this path."""
        return path in self._addresses

    def is_there(self) -> bool:
        """Whether the list is there."""
        return self._path.is_file()

    def size(self, path: str) -> int:
        """Not known without a request to the server."""
        if path not in self._addresses:
            raise NotFound(f"The image file {path} is no longer in the list of this source.")
        return UNKNOWN_SIZE

    def walk(self) -> Iterator[SourceFile]:
        """Every file of the list."""
        for path in self._addresses:
            yield SourceFile(path, UNKNOWN_SIZE)
