"""A zip of `<split>/<class>/<file>` with the cleaned labels, and `manifest.csv` beside the class folders.

Images are stored as they are, in the order of the manifest, streamed one by one; every date is the same, so two exports of
one version are the same bytes. Deleted samples are no part of the folders; asked for, the manifest lists them without a file.
So are samples whose file is missing or changed, when that is asked for; then `missing.csv` at the end says which and why.
"""

import stat
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime

from stream_zip import NO_COMPRESSION_64, ZIP_64, MemberFile, stream_zip

from app.datasets.layout import IMAGE_SUFFIXES
from app.datasets.missing import Changed, Lost, Recorded, by_sample, read_unchanged, reason_of
from app.datasets.naming import folder_name
from app.errors import NotFound
from app.export.as_csv import csv_chunks
from app.export.rows import COLUMNS, ExportRow, Plan, export_rows
from app.storage import Unreadable, open_source

DATE = datetime(1980, 1, 1, tzinfo=UTC)  # the first that a zip can tell
MODE = stat.S_IFREG | 0o644
_SUFFIXES = {"JPEG": ".jpg", "MPO": ".jpg", "TIFF": ".tif", "JPEG2000": ".jp2", "DIB": ".bmp"}


def write_imagefolder(plan: Plan) -> Iterator[bytes]:
    """The zip's bytes. An image that is lost while they are sent is left out, too, and in `missing.csv`: the zip stays whole."""
    files = ((folder_of(row), file_name(row), row.sha256) for row in _with_file(plan))
    yield from stream_zip(_members(plan, unique_names(files)))


def folder_of(row: ExportRow) -> str:
    """`<split>/<class>` of a sample that is not deleted, the class as a safe folder name."""
    return f"{row.split}/{folder_name(row.label or '')}"


def file_name(row: ExportRow) -> str:
    """The file's own name, safe, and with the suffix of what it is if it has none: readers of image folders go by suffixes."""
    name = folder_name(row.path.rpartition("/")[2])
    return (
        name
        if name.casefold().endswith(IMAGE_SUFFIXES)
        else name + _SUFFIXES.get(row.image_format, f".{row.image_format.lower()}")
    )


def unique_names(files: Iterable[tuple[str, str, str]]) -> list[str]:
    """`<folder>/<name>` of every (folder, name, sha256), in the order given; names that collide become `<stem>__<sha8><ext>`.

    Names that differ in case or in the way accents are written collide too: not every disk tells them apart. Copies of one
    image under one name are numbered.
    """
    wanted = [(f"{folder}/{name}", sha256) for folder, name, sha256 in files]
    counts = Counter(_key(path) for path, _ in wanted)
    taken = {key for key, count in counts.items() if count == 1}
    names = []
    for path, sha256 in wanted:
        name = path
        if counts[_key(path)] > 1:
            dot = path.rfind(".", path.rfind("/") + 2)  # a dot in front is no suffix
            stem, suffix = (path[:dot], path[dot:]) if dot > 0 else (path, "")
            name, number = f"{stem}__{sha256[:8]}{suffix}", 2
            while _key(name) in taken:
                name, number = f"{stem}__{sha256[:8]}_{number}{suffix}", number + 1
            taken.add(_key(name))
        names.append(name)
    return names


def _key(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _members(plan: Plan, names: list[str]) -> Iterator[MemberFile]:
    yield "manifest.csv", DATE, MODE, ZIP_64, csv_chunks(("file", *COLUMNS), _manifest(plan, names))
    lost = list(plan.lost)
    with closing(open_source(plan.source)) as source:
        for name, row in zip(names, _with_file(plan), strict=True):
            try:
                content = read_unchanged(
                    source, Recorded(row.sample_id, row.path, row.image_bytes, row.sha256)
                )
            except (NotFound, Unreadable, Changed) as error:  # since the files were checked
                lost.append(Lost(row.sample_id, row.path, reason_of(error)))
                continue
            yield name, DATE, MODE, NO_COMPRESSION_64(len(content), zlib.crc32(content)), (content,)
    if lost:
        rows = ((each.sample_id, each.path, each.reason) for each in lost)
        yield "missing.csv", DATE, MODE, ZIP_64, csv_chunks(("sample_id", "path", "reason"), rows)


def _manifest(plan: Plan, names: list[str]) -> Iterator[tuple[object, ...]]:
    following = iter(names)
    lost = by_sample(plan.lost)
    for row in export_rows(plan):
        has_file = row.label is not None and row.sample_id not in lost
        yield (next(following) if has_file else "", *row[: len(COLUMNS)])


def _with_file(plan: Plan) -> Iterator[ExportRow]:
    lost = by_sample(plan.lost)
    return (row for row in export_rows(plan) if row.label is not None and row.sample_id not in lost)
