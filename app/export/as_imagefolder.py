"""A zip of `<split>/<class>/<file>` with the cleaned labels, and `manifest.csv` at the top.

Every class has a folder in every part, even if empty, so that readers that number folders by name get the
same numbers; `classes.txt` has the folder names in that order. If some are one folder on Windows and macOS,
`notes.txt` says so. Images are stored unchanged, in the order of
the manifest, streamed one by one. Every date is the same, so two exports of one version are the same bytes.
Deleted samples are not in the folders; on request the manifest lists them without a file. On request samples
whose file is missing or changed are left out too; `missing.csv` at the end lists them with the reason.
"""

import stat
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from stream_zip import NO_COMPRESSION_64, ZIP_64, MemberFile, stream_zip

from app.datasets.layout import IMAGE_SUFFIXES
from app.datasets.missing import Changed, Lost, RecordedFile, by_sample, read_unchanged, reason_of
from app.datasets.models import Sample, VersionLabel
from app.datasets.naming import folder_name
from app.errors import NotFound
from app.export.as_csv import csv_chunks
from app.export.rows import COLUMNS, ExportPlan, ExportRow, export_rows
from app.storage import Unreadable, open_source

DATE = datetime(1980, 1, 1, tzinfo=UTC)  # the earliest date that a zip can store
FOLDER = stat.S_IFDIR | 0o755
EMPTY_FOLDERS = (
    "Every class has a folder in every part, and classes.txt has the classes in the order of their numbers: "
    "torchvision reads them with ImageFolder(folder, allow_empty=True)."
)
MODE = stat.S_IFREG | 0o644
_SUFFIXES = {"JPEG": ".jpg", "MPO": ".jpg", "TIFF": ".tif", "JPEG2000": ".jp2", "DIB": ".bmp"}


def write_imagefolder(plan: ExportPlan) -> Iterator[bytes]:
    """The zip's bytes.

    An image that is lost during the download is left out and listed in `missing.csv`; the zip stays valid.
    """
    files = ((folder_of(row), file_name(row), row.sha256) for row in _with_file(plan))
    yield from stream_zip(_members(plan, unique_names(files)))


def class_folders(plan: ExportPlan) -> list[str]:
    """The folders of the version's classes in the order in which torchvision and fastai number them.

    New classes get the next positions, so classes added after the version have later positions.
    """
    with Session(plan.engine) as session:
        members = (Sample.dataset_id == plan.dataset_id, Sample.id <= plan.last_sample_id)
        given = session.scalar(select(func.max(Sample.given_label)).where(*members))
        decided = session.scalar(
            select(func.max(VersionLabel.label)).where(VersionLabel.version_id == plan.version_id)
        )
    last = max(-1 if given is None else given, -1 if decided is None else decided)
    return sorted(folder_name(name) for name in plan.classes[: last + 1])


def one_folder_words(folders: Iterable[str]) -> str:
    """A sentence about folders that are one folder on Windows and macOS; empty if there are none."""
    alike: dict[str, list[str]] = {}
    for name in sorted(set(folders)):
        alike.setdefault(_key(name), []).append(name)
    groups = [" and ".join(f"“{name}”" for name in names) for names in alike.values() if len(names) > 1]
    if not groups:
        return ""
    return (
        "On Windows and macOS class folders become one if their names differ only in upper and lower case or "
        f"in how accents are written: {'; '.join(groups)}. There take the class of each image from "
        "manifest.csv, or unpack the zip on Linux."
    )


def folder_of(row: ExportRow) -> str:
    """`<split>/<class>` of a sample that is not deleted, the class as a safe folder name."""
    return f"{row.split}/{folder_name(row.label or '')}"


def file_name(row: ExportRow) -> str:
    """The file's name, made safe; without a suffix it gets that of its format, which readers need."""
    name = folder_name(row.path.rpartition("/")[2])
    return (
        name
        if name.casefold().endswith(IMAGE_SUFFIXES)
        else name + _SUFFIXES.get(row.image_format, f".{row.image_format.lower()}")
    )


def unique_names(files: Iterable[tuple[str, str, str]]) -> list[str]:
    """`<folder>/<name>` of every (folder, name, sha256), in this order; colliding: `<stem>__<sha8><ext>`.

    Names that differ in case or in the way accents are written collide too: not every disk tells them apart.
    Copies of one image under one name are numbered.
    """
    wanted = [(f"{folder}/{name}", sha256) for folder, name, sha256 in files]
    counts = Counter(_key(path) for path, _ in wanted)
    taken = {key for key, count in counts.items() if count == 1}
    names = []
    for path, sha256 in wanted:
        name = path
        if counts[_key(path)] > 1:
            dot = path.rfind(".", path.rfind("/") + 2)  # a dot at the start is no suffix
            stem, suffix = (path[:dot], path[dot:]) if dot > 0 else (path, "")
            name, number = f"{stem}__{sha256[:8]}{suffix}", 2
            while _key(name) in taken:
                name, number = f"{stem}__{sha256[:8]}_{number}{suffix}", number + 1
            taken.add(_key(name))
        names.append(name)
    return names


def _key(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _members(plan: ExportPlan, names: list[str]) -> Iterator[MemberFile]:
    yield "manifest.csv", DATE, MODE, ZIP_64, csv_chunks(("file", *COLUMNS), _manifest(plan, names))
    folders = class_folders(plan)
    yield "classes.txt", DATE, MODE, ZIP_64, ("".join(f"{name}\n" for name in folders).encode(),)
    if words := one_folder_words(folders):
        yield "notes.txt", DATE, MODE, ZIP_64, (f"{words}\n".encode(),)
    for split in sorted({name.split("/", 1)[0] for name in names}):
        for name in folders:
            yield f"{split}/{name}/", DATE, FOLDER, NO_COMPRESSION_64(0, 0), ()
    lost = list(plan.lost)
    with closing(open_source(plan.source)) as source:
        for name, row in zip(names, _with_file(plan), strict=True):
            try:
                content = read_unchanged(
                    source, RecordedFile(row.sample_id, row.path, row.image_bytes, row.sha256)
                )
            except (NotFound, Unreadable, Changed) as error:  # since the files were checked
                lost.append(Lost(row.sample_id, row.path, reason_of(error)))
                continue
            yield name, DATE, MODE, NO_COMPRESSION_64(len(content), zlib.crc32(content)), (content,)
    if lost:
        rows = ((each.sample_id, each.path, each.reason) for each in lost)
        yield "missing.csv", DATE, MODE, ZIP_64, csv_chunks(("sample_id", "path", "reason"), rows)


def _manifest(plan: ExportPlan, names: list[str]) -> Iterator[tuple[object, ...]]:
    following = iter(names)
    lost = by_sample(plan.lost)
    for row in export_rows(plan):
        has_file = row.label is not None and row.sample_id not in lost
        yield (next(following) if has_file else "", *row[: len(COLUMNS)])


def _with_file(plan: ExportPlan) -> Iterator[ExportRow]:
    lost = by_sample(plan.lost)
    return (row for row in export_rows(plan) if row.label is not None and row.sample_id not in lost)
