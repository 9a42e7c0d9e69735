"""Where image files lie: a folder, a zip or anything fsspec opens. Read-only, always.

What is refused is refused here, once, for the import as for every later reader: links that leave the folder,
devices, encrypted or dishonest zip entries, files too large to be an image.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from app.storage.entries import MAX_FILE_BYTES, UNKNOWN_SIZE, DiskFails, ImageSource, SourceFile, Unreadable
from app.storage.folder import FolderSource
from app.storage.joined import JoinedSource, folder_of
from app.storage.linked import SCHEME as LINKS
from app.storage.linked import LinkedFolderSource
from app.storage.listed import SUFFIX as LIST
from app.storage.listed import ListedSource
from app.storage.remote import RemoteSource
from app.storage.zipped import ZipSource

__all__ = [
    "LINKS",
    "LIST",
    "MAX_FILE_BYTES",
    "UNKNOWN_SIZE",
    "DiskFails",
    "FolderSource",
    "ImageSource",
    "JoinedSource",
    "Origin",
    "RemoteSource",
    "SourceFile",
    "Unreadable",
    "ZipSource",
    "folder_of",
    "open_source",
]


@dataclass(frozen=True, slots=True)
class Origin:
    """The source of images: a path or URL, its name for people, the code page of a zip's names if known."""

    source: str
    name: str | None = None
    zip_encoding: str | None = None
    parts: tuple["Origin", ...] = ()  # what was added later, in its order

    def __str__(self) -> str:
        """For people: never where an upload is stored."""
        return self.name or self.source


def open_source(origin: Origin | str) -> ImageSource:
    """The source at an origin: a `.zip` or folder on the local disk, a URL, or a stored list of URLs."""
    if isinstance(origin, str):
        origin = Origin(origin)
    if origin.parts:
        added = {folder_of(number): open_source(part) for number, part in enumerate(origin.parts, start=1)}
        return JoinedSource(open_source(replace(origin, parts=())), added)
    if origin.source.startswith(LINKS):
        return LinkedFolderSource(Path(origin.source.removeprefix(LINKS)))
    if "://" in origin.source and not origin.source.startswith("file://"):
        return RemoteSource(origin.source)
    path = Path(origin.source.removeprefix("file://"))
    if path.suffix.lower() == ".zip" and not path.is_dir():
        return ZipSource(path, name=origin.name, encoding=origin.zip_encoding)
    if path.suffix == LIST and path.is_file():
        return ListedSource(path)
    return FolderSource(path)
