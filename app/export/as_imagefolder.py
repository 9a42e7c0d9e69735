"""A zip of `<split>/<class>/<file>` with the cleaned labels, and `manifest.csv` at the top.

Every class has a folder in every part, even if empty, so that readers that number folders by name get the
same numbers; `classes.txt` has the folder names in that order, and `classes.json` the class of each folder,
because some names are escaped. `notes.txt` says what has to be known: folders that are one on Windows and
macOS, classes without images in a part, images that became PNG. Files of usual formats are stored unchanged,
in the order of the manifest, streamed one by one. Every date is the same, so two exports of one version are
the same bytes. Deleted samples are not in the folders; on request the manifest lists them without a file. On
request samples whose file is missing or changed are left out too; `missing.csv` at the end lists them with
the reason.
"""

import json
import stat
import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session
from stream_zip import NO_COMPRESSION_64, ZIP_64, MemberFile, stream_zip

from app.datasets.coverage import listed
from app.datasets.missing import Lost, by_sample
from app.datasets.models import Sample, VersionLabel
from app.datasets.naming import folder_name
from app.datasets.versions import label_in_version
from app.export.as_csv import csv_chunks
from app.export.pictures import file_name, image_notes, key_of, read_images, unique_names, with_file
from app.export.rows import COLUMNS, ExportPlan, ExportRow, export_rows

DATE = datetime(1980, 1, 1, tzinfo=UTC)  # the earliest date that a zip can store
FOLDER = stat.S_IFDIR | 0o755
EMPTY_FOLDERS = (
    "Every class has a folder in every part, and classes.txt has the classes in the order of their numbers: "
    "torchvision reads them with ImageFolder(folder, allow_empty=True)."
)
MODE = stat.S_IFREG | 0o644


def write_imagefolder(plan: ExportPlan) -> Iterator[bytes]:
    """The zip's bytes.

    An image that is lost during the download is left out and listed in `missing.csv`; the zip stays valid.
    """
    files = ((folder_of(plan, row), file_name(row), row.sha256) for row in with_file(plan))
    yield from stream_zip(_members(plan, unique_names(files)))


def used_classes(plan: ExportPlan) -> tuple[str, ...]:
    """The classes of the version, by position.

    New classes get the next positions, so classes added after the version have later positions.
    """
    with Session(plan.engine) as session:
        members = (Sample.dataset_id == plan.dataset_id, Sample.id <= plan.last_sample_id)
        given = session.scalar(select(func.max(Sample.given_label)).where(*members))
        decided = session.scalar(
            select(func.max(VersionLabel.label)).where(VersionLabel.version_id == plan.version_id)
        )
    last = max(-1 if given is None else given, -1 if decided is None else decided)
    return plan.classes[: last + 1]


def class_folders(plan: ExportPlan) -> list[str]:
    """The folders of the version's classes in the order in which torchvision and fastai number them."""
    return sorted(map(folder_name, used_classes(plan)))


def one_folder_words(folders: Iterable[str]) -> str:
    """A sentence about folders that are one folder on Windows and macOS; empty if there are none."""
    alike: dict[str, list[str]] = {}
    for name in sorted(set(folders)):
        alike.setdefault(key_of(name), []).append(name)
    groups = [" and ".join(f"“{name}”" for name in names) for names in alike.values() if len(names) > 1]
    if not groups:
        return ""
    return (
        "On Windows and macOS class folders become one if their names differ only in upper and lower case or "
        f"in how accents are written: {'; '.join(groups)}. There take the class of each image from "
        "manifest.csv, or unpack the zip on Linux."
    )


def imagefolder_notes(plan: ExportPlan) -> list[str]:
    """What a reader has to know: folders that are one, empty folders, images that became PNG."""
    notes = (one_folder_words(class_folders(plan)), *_empty_words(plan), *image_notes(plan))
    return [note for note in notes if note]


def _empty_words(plan: ExportPlan) -> Iterator[str]:
    """A sentence for each part in which classes have no images."""
    reviewed = and_(VersionLabel.sample_id == Sample.id, VersionLabel.version_id == plan.version_id)
    mine = (Sample.dataset_id == plan.dataset_id, Sample.id <= plan.last_sample_id)
    query = select(Sample.split, label_in_version()).outerjoin(VersionLabel, reviewed).where(*mine).distinct()
    with plan.engine.connect() as connection:
        filled = {(split, label) for split, label in connection.execute(query) if label is not None}
    for split in sorted({split for split, _ in filled}):
        classes = enumerate(used_classes(plan))
        if empty := [name for position, name in classes if (split, position) not in filled]:
            yield f"{plan.split_folder(split)}: no images of {listed(empty)}. {EMPTY_FOLDERS}"


def folder_of(plan: ExportPlan, row: ExportRow) -> str:
    """`<split>/<class>` of a sample that is not deleted, the class as a safe folder name."""
    return f"{plan.split_folder(row.split)}/{folder_name(row.label or '')}"


def missing_member(lost: Iterable[Lost]) -> MemberFile:
    """`missing.csv`: the samples that were left out, with the reason."""
    rows = ((each.sample_id, each.path, each.reason) for each in lost)
    return "missing.csv", DATE, MODE, ZIP_64, csv_chunks(("sample_id", "path", "reason"), rows)


def text_member(name: str, text: str) -> MemberFile:
    """A small file of text."""
    return name, DATE, MODE, ZIP_64, (text.encode(),)


def _members(plan: ExportPlan, names: list[str]) -> Iterator[MemberFile]:
    yield "manifest.csv", DATE, MODE, ZIP_64, csv_chunks(("file", *COLUMNS), _manifest(plan, names))
    folders = class_folders(plan)
    yield text_member("classes.txt", "".join(f"{name}\n" for name in folders))
    by_folder = {folder_name(name): name for name in used_classes(plan)}
    in_order = {folder: by_folder[folder] for folder in folders}
    yield text_member("classes.json", json.dumps(in_order, ensure_ascii=False, indent=1) + "\n")
    splits = sorted({name.split("/", 1)[0] for name in names})
    if notes := imagefolder_notes(plan):
        yield text_member("notes.txt", "".join(f"{note}\n" for note in notes))
    for split in splits:
        for name in folders:
            yield f"{split}/{name}/", DATE, FOLDER, NO_COMPRESSION_64(0, 0), ()
    lost = list(plan.lost)
    named = {row.sample_id: name for name, row in zip(names, with_file(plan), strict=True)}
    for row, content in read_images(plan, with_file(plan), lost):
        kind = NO_COMPRESSION_64(len(content), zlib.crc32(content))
        yield named[row.sample_id], DATE, MODE, kind, (content,)
    if lost:
        yield missing_member(lost)


def _manifest(plan: ExportPlan, names: list[str]) -> Iterator[tuple[object, ...]]:
    following = iter(names)
    lost = by_sample(plan.lost)
    for row in export_rows(plan):
        has_file = row.label is not None and row.sample_id not in lost
        yield (next(following) if has_file else "", *row[: len(COLUMNS)])
