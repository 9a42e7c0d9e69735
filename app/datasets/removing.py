"""Deletes a data set: at once for people, then its files and rows, in steps that can be repeated.

`begin_removal` takes the name away, in one transaction with the cancelled jobs: before it the data set is
whole, after it nobody finds it any more. `finish_removals` removes what is left as soon as no job works on
it. Whoever is killed in between leaves a row in the state `deleting`, and the next start finishes it.
"""

import logging
import shutil
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Table, delete, exists, func, select, tuple_
from sqlalchemy.orm import Session

from app.datasets.catalog import DELETING, lock_out_decisions
from app.datasets.models import Dataset, Sample
from app.datasets.upload_use import own_uploads, remove_unused, uploads_of
from app.db.engine import Database
from app.db.types import Base
from app.jobs import requests as jobs
from app.jobs.models import Job
from app.settings import Settings
from app.storage import folder_of

log = logging.getLogger(__name__)
PATIENCE = 5.0
AT_ONCE = 5_000  # rows per transaction, so that nobody waits long


@dataclass(frozen=True)
class ImagePlace:
    """Where some images of a data set lie, and what a deletion of it does to them."""

    where: str  # the source, for people
    images: int
    bytes: int
    is_stored: bool  # in the data folder, as a zip
    is_lost: bool  # it is, and no other data set uses the zip


@dataclass(frozen=True)
class DiskUse:
    """Bytes in the data folder that belong to one data set alone, and those of its images elsewhere."""

    uploads: int
    runs: int  # checkpoints, descriptions of images
    photos: int
    cache: int  # can be made again
    places: tuple[ImagePlace, ...]

    @property
    def outside(self) -> int:
        """Images that lie elsewhere and are never touched."""
        return sum(place.bytes for place in self.places if not place.is_stored)

    @property
    def inside(self) -> int:
        """What a deletion frees."""
        return self.uploads + self.runs + self.photos + self.cache


def begin_removal(session: Session, dataset: Dataset) -> None:
    """Take the data set away from people and cancel its jobs; `finish_removals` does the rest."""
    lock_out_decisions(session, dataset_id=dataset.id, also_archived=True)
    dataset.state = DELETING
    dataset.name = f"~{dataset.id}"  # no name can be like this, so the old one is free
    dataset.archived_at = None
    session.flush()
    open_jobs = select(Job.id).where(Job.dataset_id == dataset.id, Job.state.in_(jobs.OPEN_STATES))
    for job_id in session.scalars(open_jobs).all():
        jobs.cancel(session, job_id=job_id)


def finish_removals(database: Database, settings: Settings) -> int:
    """Remove all data sets that were deleted and that no job works on; return how many are left."""
    with database.read() as session:
        waiting = session.scalars(select(Dataset.id).where(Dataset.state == DELETING)).all()
    left = 0
    for dataset_id in waiting:
        with database.read() as session:
            is_used = _is_worked_on(session, dataset_id)
        if is_used:
            left += 1
            continue
        if not _remove_files(database, settings, dataset_id):
            left += 1
            continue
        _remove_rows(database, dataset_id)
        log.debug("data set %s is removed", dataset_id)
    return left


def remove_in_time(database: Database, settings: Settings) -> bool:
    """Finish deletions in a thread; whether all was removed in a few seconds. The rest goes on alone."""
    thread = threading.Thread(target=try_removing, args=(database, settings), name="removing", daemon=True)
    thread.start()
    thread.join(PATIENCE)
    with database.read() as session:
        return session.scalar(select(Dataset.id).where(Dataset.state == DELETING).limit(1)) is None


def try_removing(database: Database, settings: Settings) -> None:
    """Finish deletions; a failure is logged."""
    try:
        finish_removals(database, settings)
    except Exception:
        log.exception("a deleted data set could not be removed completely; the next start does it")


def disk_use(session: Session, settings: Settings, *, dataset: Dataset) -> DiskUse:
    """How much of the disk a data set uses."""
    runs = _runs(session, dataset.id)
    own = own_uploads(session, settings, dataset_id=dataset.id)
    return DiskUse(
        uploads=sum(map(_bytes, own)),
        runs=sum(_bytes(settings.runs_dir / str(run)) for run in runs),
        photos=sum(_bytes(settings.photos_dir / str(run)) for run in runs),
        cache=sum(map(_bytes, settings.cache_dir.glob(f"{dataset.id}-*"))),
        places=_places(session, settings, dataset, own={path.name for path in own}),
    )


def _places(
    session: Session, settings: Settings, dataset: Dataset, *, own: set[str]
) -> tuple[ImagePlace, ...]:
    """The main source and the parts that were added, those with images."""

    def count(*which: ColumnElement[bool]) -> tuple[int, int]:
        query = select(func.count(), func.coalesce(func.sum(Sample.bytes), 0))
        images, size = session.execute(query.where(Sample.dataset_id == dataset.id, *which)).one()
        return images, int(size)

    parts = dataset.origin.parts
    prefixes = [f"{folder_of(number)}/" for number in range(1, len(parts) + 1)]
    added = [count(Sample.path.startswith(prefix, autoescape=True)) for prefix in prefixes]
    all_images, all_bytes = count()
    main = all_images - sum(images for images, _ in added), all_bytes - sum(size for _, size in added)
    places = []
    for origin, (images, size) in zip((dataset.origin, *parts), (main, *added), strict=True):
        is_stored = _is_upload(settings, origin.source) and origin.source.endswith(".zip")
        is_lost = is_stored and Path(origin.source).name in own
        if images:
            places.append(ImagePlace(str(origin), images, size, is_stored, is_lost))
    return tuple(places)


def _is_worked_on(session: Session, dataset_id: int) -> bool:
    """Whether a live worker may still work on a job of it."""
    is_open = exists().where(Job.dataset_id == dataset_id, Job.state.in_(jobs.OPEN_STATES))
    return bool(session.scalar(select(is_open))) and bool(jobs.live_workers(session))


def _remove_files(database: Database, settings: Settings, dataset_id: int) -> bool:
    """Whether all could be removed; not while an upload is being stored for longer than a moment."""
    with database.read() as session:
        dataset = session.get(Dataset, dataset_id)
        if dataset is None:  # another process has removed it
            return True
        folders = [
            folder / str(run)
            for run in _runs(session, dataset_id)
            for folder in (settings.runs_dir, settings.photos_dir)
        ]
        uploads = uploads_of(session, dataset_id=dataset_id)
        mine = select(Sample.sha256).where(Sample.dataset_id == dataset_id)
        others = select(Sample.sha256).where(Sample.dataset_id != dataset_id)
        pictures = set(session.scalars(mine.except_(others)))
        pictures.update(session.scalars(_photos(dataset_id)))
    if not remove_unused(database, settings, names=uploads, but_by=dataset_id):
        return False
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    for file in settings.cache_dir.glob(f"{dataset_id}-*"):
        with suppress(OSError):
            file.unlink(missing_ok=True)
    for picture in settings.pictures_dir.glob("*/*-*"):  # once through, however many images there were
        if picture.name.partition("-")[0] in pictures:
            picture.unlink(missing_ok=True)
    return True


def _remove_rows(database: Database, dataset_id: int) -> None:
    """Delete its rows from every table, those that refer to others first."""
    for table in reversed(Base.metadata.sorted_tables):
        if table.name == "dataset" or (mine := _of(table, dataset_id)) is None:
            continue
        keys = list(table.primary_key.columns)
        some = select(*keys).where(mine).order_by(*(key.desc() for key in keys)).limit(AT_ONCE)
        which = keys[0].in_(some.scalar_subquery()) if len(keys) == 1 else tuple_(*keys).in_(some)
        while True:
            with database.write() as session:
                gone = session.execute(delete(table).where(which)).rowcount  # type: ignore[attr-defined]
            if gone < AT_ONCE:
                break
    with database.write() as session:
        session.execute(delete(Dataset).where(Dataset.id == dataset_id, Dataset.state == DELETING))


def _of(table: Table, dataset_id: int) -> ColumnElement[bool] | None:
    """Which rows of a table belong to a data set: by its id, or by that of a row they refer to."""
    if "dataset_id" in table.columns:
        return table.columns["dataset_id"] == dataset_id
    for key in sorted(table.foreign_keys, key=lambda key: key.parent.name):
        if key.column.table is table:
            continue
        if not key.parent.nullable and (mine := _of(key.column.table, dataset_id)) is not None:
            return key.parent.in_(select(key.column).where(mine))
    return None


def _runs(session: Session, dataset_id: int) -> list[int]:
    run = Base.metadata.tables["run"]
    return list(session.scalars(select(run.c.id).where(run.c.dataset_id == dataset_id)))


def _photos(dataset_id: int) -> Any:
    photo, run = Base.metadata.tables["photo"], Base.metadata.tables["run"]
    return select(photo.c.sha256).join(run, run.c.id == photo.c.run_id).where(run.c.dataset_id == dataset_id)


def _is_upload(settings: Settings, source: str) -> bool:
    return "://" not in source and Path(source).parent == settings.uploads_dir.resolve()


def _bytes(path: Path) -> int:
    """Of a file, or of all files below a folder; 0 for what is not there."""
    try:
        if path.is_dir():
            return sum(map(_bytes, path.iterdir()))
        return path.stat().st_size
    except OSError:
        return 0
