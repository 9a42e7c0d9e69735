"""A folder on the local disk whose links are followed wherever they lead: caches of DVC, git-annex, …."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from app.errors import NotFound
from app.storage import entries
from app.storage.entries import SourceFile, Unreadable, problem_of, too_large, unreadable
from app.storage.folder import FolderSource, read_bounded

SCHEME = "links://"  # before the path of such a folder


class LinkedFolderSource(FolderSource):
    """A folder whose links to files and folders are followed, also out of it; only the shell names one."""

    def read(self, path: str) -> bytes:
        """The whole file."""
        try:
            descriptor = os.open(self._root / path, os.O_RDONLY | os.O_NONBLOCK)
            with os.fdopen(descriptor, "rb") as file:
                if problem := _problem(os.fstat(descriptor)):
                    raise Unreadable(path, problem)
                content = read_bounded(file)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFound(f"The image file {path} is no longer where it was imported from.") from error
        except (OSError, ValueError) as error:
            raise unreadable(path, error) from error
        if len(content) > entries.MAX_FILE_BYTES:
            raise Unreadable(path, too_large())
        return content

    def size(self, path: str) -> int:
        """The bytes of the file."""
        try:
            status = (self._root / path).stat()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFound(f"The image file {path} is no longer where it was imported from.") from error
        except (OSError, ValueError) as error:
            raise unreadable(path, error) from error
        if problem := _problem(status):
            raise Unreadable(path, problem)
        return status.st_size

    def walk(self) -> Iterator[SourceFile]:
        """Every file below the folder and its links; a folder that contains itself is listed once."""
        if not self._root.is_dir():
            raise NotFound(
                f"There is no folder {self._root}; give the path of a folder or zip of class folders."
            )
        folders: list[tuple[Path, frozenset[tuple[int, int]]]] = [(self._root, frozenset())]
        while folders:
            folder, above = folders.pop()
            try:
                status = folder.stat()
                here = (status.st_dev, status.st_ino)
                names = sorted(each.name for each in folder.iterdir())
            except OSError as error:
                yield SourceFile(self._relative(folder), 0, problem_of(error))
                continue
            if here in above:
                yield SourceFile(self._relative(folder), 0, "a link to a folder that contains it")
                continue
            for name in names:
                try:
                    status = (folder / name).stat()
                except OSError as error:
                    gone = "a link to nothing" if isinstance(error, FileNotFoundError) else problem_of(error)
                    yield SourceFile(self._relative(folder / name), 0, gone)
                    continue
                if stat.S_ISDIR(status.st_mode):
                    folders.append((folder / name, above | {here}))
                else:
                    yield SourceFile(self._relative(folder / name), status.st_size, _problem(status))


def _problem(status: os.stat_result) -> str:
    """Why a file is not read; empty for a regular one."""
    if not stat.S_ISREG(status.st_mode):
        return "not a regular file"
    return too_large() if status.st_size > entries.MAX_FILE_BYTES else ""
