"""A folder behind a URL."""

from collections.abc import Iterator
from pathlib import PurePosixPath

import fsspec

from app.errors import Invalid, NotFound
from app.storage import entries
from app.storage.entries import UNKNOWN_SIZE, SourceFile, Unreadable, problem_of, too_large, unreadable


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
            content: bytes = self._files.cat_file(
                f"{self._root}/{path}", start=0, end=entries.MAX_FILE_BYTES + 1
            )
        except FileNotFoundError as error:
            raise NotFound(f"The image file {path} is no longer where it was imported from.") from error
        except OSError as error:
            raise unreadable(path, error) from error
        if len(content) > entries.MAX_FILE_BYTES:
            raise Unreadable(path, too_large())
        return content

    def has(self, path: str) -> bool:
        """Whether there is anything at this path."""
        try:
            return bool(self._files.exists(f"{self._root}/{path}"))
        except OSError as error:
            problem_of(error)
            return False

    def size(self, path: str) -> int:
        """The bytes of the file."""
        try:
            size = self._files.size(f"{self._root}/{path}")
            return UNKNOWN_SIZE if size is None else int(size)
        except FileNotFoundError as error:
            raise NotFound(f"The image file {path} is no longer where it was imported from.") from error
        except OSError as error:
            raise unreadable(path, error) from error

    def is_there(self) -> bool:
        """Whether the folder can be listed."""
        try:
            return bool(self._files.exists(self._root))
        except OSError as error:
            problem_of(error)
            return False

    def walk(self) -> Iterator[SourceFile]:
        """Every file below the folder."""
        try:
            found = self._files.find(self._root, detail=True)
        except OSError as error:
            raise Invalid(
                f"{self._root} cannot be listed ({problem_of(error)}); check the address and the credentials."
            ) from error
        root = PurePosixPath(self._root)
        for path, info in found.items():
            size = UNKNOWN_SIZE if info.get("size") is None else int(info["size"])
            yield SourceFile(
                PurePosixPath(path).relative_to(root).as_posix(),
                size,
                too_large() if size > entries.MAX_FILE_BYTES else "",
            )

    def close(self) -> None:
        """Nothing stays open."""
