"""Checks before an export with images that every file exists and is unchanged since the import."""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from itertools import islice

from app.datasets.missing import Lost, RecordedFile, in_a_sentence, look, mark
from app.datasets.models import DatasetVersion
from app.db.engine import Database
from app.errors import Conflict, NotFound
from app.export.exporting import Export
from app.export.rows import ExportPlan, export_rows
from app.storage import UNKNOWN_SIZE, ImageSource, RemoteSource, ZipSource, open_source

THREADS = 4
_AT_ONCE = 256  # files


def checked(database: Database, export: Export, *, skip_missing: bool) -> Export:
    """The export, after a check that every needed file exists with its imported content.

    Files of a folder are read once. Of a stored zip, which never changes, only the entries are checked, of a
    bucket only its list. Raises Conflict that names the lost files, or with `skip_missing` leaves them out
    and lists them in `missing.csv`.
    """
    if not export.entry.has_images:
        return export
    lost = _find_lost(export.plan)
    if lost:
        _mark(database, export.plan, lost)
    else:
        return export
    if not skip_missing:
        raise Conflict(
            f"Nothing was exported: {in_a_sentence(lost)}. Put the files back, or leave them out with "
            "skip_missing=true (--skip-missing on the command line); missing.csv then lists them."
        )
    digest = hashlib.sha256("\n".join(f"{each.sample_id} {each.reason}" for each in lost).encode())
    plan = replace(export.plan, lost=lost)
    etag = f'{export.etag[:-1]}-without-{digest.hexdigest()[:12]}"'
    return replace(export, plan=plan, etag=etag, chunks=export.entry.write(plan))


def _mark(database: Database, plan: ExportPlan, lost: Sequence[Lost]) -> None:
    with database.write() as session:
        version = session.get(DatasetVersion, plan.version_id)
        if version is not None:
            mark(session, dataset_id=version.dataset_id, lost=lost)


def _find_lost(plan: ExportPlan) -> tuple[Lost, ...]:
    with closing(open_source(plan.source)) as source:
        if isinstance(source, RemoteSource):
            return tuple(_unlisted(plan, source))
        content = not isinstance(source, ZipSource)
        with ThreadPoolExecutor(THREADS, "export") as pool:
            found: list[Lost] = []
            files = _files(plan)
            while some := list(islice(files, _AT_ONCE)):
                found += filter(None, pool.map(lambda file: look(source, file, content=content), some))
        return tuple(found)


def _unlisted(plan: ExportPlan, source: ImageSource) -> Iterator[Lost]:
    try:
        sizes = {entry.path: entry.size for entry in source.walk()}
    except NotFound:
        sizes = {}
    for file in _files(plan):
        if sizes.get(file.path) not in (UNKNOWN_SIZE, file.bytes):
            yield Lost(file.sample_id, file.path, "changed" if file.path in sizes else "missing")


def _files(plan: ExportPlan) -> Iterator[RecordedFile]:
    for row in export_rows(plan):
        if row.label is not None:
            yield RecordedFile(row.sample_id, row.path, row.image_bytes, row.sha256)


def told(lost: Sequence[Lost]) -> str:
    """A sentence about files that an export left out; empty if there are none."""
    return f"Left out, and listed in missing.csv: {in_a_sentence(lost)}." if lost else ""
