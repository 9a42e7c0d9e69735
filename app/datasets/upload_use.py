"""Which stored uploads are in use, so that none is removed that a data set needs or is about to need.

Whoever stores an upload holds a shared lock on their folder until the row that names it is committed; who
removes uploads holds the lock alone. The lock of a killed process ends with it.
"""

import fcntl
import json
import os
import re
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from app.datasets.models import Dataset
from app.db.engine import Database
from app.errors import ToplossError
from app.jobs import requests as jobs
from app.jobs.models import Job
from app.settings import Settings

UPLOAD = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}\.(?:zip|labels|urls)\b")
PATIENCE = 2.0  # seconds that a removal waits for those who are storing
PAUSE = 0.05
STALE_SECONDS = 24 * 3600.0  # so long a form that was refused can be sent again without its file


def names_in(value: Any) -> set[str]:
    """The file names of stored uploads in a text, or anywhere in a value of JSON."""
    return set(UPLOAD.findall(json.dumps(value)))


@contextmanager
def storing(database: Database, settings: Settings) -> Iterator[set[str]]:
    """No stored upload is removed during the block, which ends after the commit of the row that names it.

    The block adds to the set the names of what it stored. When it is refused, those that no data set uses
    are removed.
    """
    stored = set[str]()
    try:
        with _locked(settings.uploads_dir, fcntl.LOCK_SH):
            yield stored
    except ToplossError:
        if stored:
            remove_unused(database, settings, names=stored)
        raise


def remove_unused(
    database: Database, settings: Settings, *, names: Collection[str], but_by: int | None = None
) -> bool:
    """Remove the uploads that no data set uses, not counting one; False: not now, others are being stored."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            with _locked(settings.uploads_dir, fcntl.LOCK_EX | fcntl.LOCK_NB):
                with database.read() as session:
                    unused = set(names) - _used(session, Dataset.id != but_by, Job.dataset_id != but_by)
                for name in unused:
                    with suppress(OSError):
                        (settings.uploads_dir / name).unlink(missing_ok=True)
                return True
        except BlockingIOError:
            if time.monotonic() > until:
                return False
        time.sleep(PAUSE)


def remove_stale(database: Database, settings: Settings) -> None:
    """Remove the uploads of a day ago and older that no data set uses: those of refused imports."""
    until = time.time() - STALE_SECONDS
    if not settings.uploads_dir.is_dir():
        return
    old = set[str]()
    for file in settings.uploads_dir.iterdir():
        with suppress(OSError):  # it is removed meanwhile
            if UPLOAD.fullmatch(file.name) and file.lstat().st_mtime < until:
                old.add(file.name)
    if old:
        remove_unused(database, settings, names=old)


def uploads_of(session: Session, *, dataset_id: int) -> set[str]:
    """The names of the stored uploads that a data set uses: zips, label files, lists of URLs."""
    return _used(session, Dataset.id == dataset_id, Job.dataset_id == dataset_id)


def own_uploads(session: Session, settings: Settings, *, dataset_id: int) -> list[Path]:
    """Those that no other data set uses."""
    others = _used(session, Dataset.id != dataset_id, Job.dataset_id != dataset_id)
    return [
        settings.uploads_dir / name for name in sorted(uploads_of(session, dataset_id=dataset_id) - others)
    ]


def _used(session: Session, datasets: ColumnElement[bool], of_jobs: ColumnElement[bool]) -> set[str]:
    columns = (Dataset.source, Dataset.parts, Dataset.layout, Dataset.proposals)
    rows = [list(row) for row in session.execute(select(*columns).where(datasets))]
    waiting = session.scalars(select(Job.arguments).where(Job.state.in_(jobs.OPEN_STATES), of_jobs))
    return names_in([rows, list(waiting)])


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    """Raises BlockingIOError if the lock is held and `how` does not wait."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, how)
        except BlockingIOError:
            raise
        except OSError:
            pass  # a file system without locks
        yield
    finally:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # also for a process that was forked in between
        os.close(descriptor)
