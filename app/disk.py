"""How much space what takes in the data folder.

A walk over it reads the entry of every file, so it is made seldom and never while somebody waits for long.
"""

import logging
import os
import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import make_url, text
from sqlalchemy.exc import SQLAlchemyError

from app.db.engine import Database
from app.db.types import now
from app.settings import Settings

log = logging.getLogger(__name__)
KEPT = timedelta(minutes=10)  # how long a measurement counts
PATIENCE = 2.0  # seconds that somebody waits for the first measurement
# What is measured, and how to free it, in the order of the page.
FREEING = {
    "database": "Deleted data sets leave room in it for new ones.",
    "copies of the database": "Made before upgrades, the last two are kept. Remove the *.bak files when the "
    "new version works.",
    "uploads": "Zips that were uploaded. Each data set’s page Manage shows what deleting it frees.",
    "models": "Checkpoints and predictions. A model’s page deletes its checkpoints.",
    "photos": "Sent to models from outside; each can be removed on the page of its model.",
    "weights": "Start weights, downloaded or copied. Where the internet can be reached the folder may be "
    "emptied: a training downloads them again.",
    "pictures": "Images in the sizes of the pages. The folder cache/pictures may be emptied at any time.",
    "caches": "Decoded images. The folder cache may be emptied while no job runs; the next job takes longer.",
    "demo": "The drawn faces of the demo, needed as long as its data set is there.",
    "other files": "Leave secret.key, demo-logins.txt and the locks of workers: Toploss needs them. The rest "
    "is not Toploss’s own, such as backups that are kept here; another disk is safer for those.",
}


@dataclass(frozen=True)
class Use:
    """What one kind of files takes."""

    name: str
    bytes: int
    files: int

    @property
    def freeing(self) -> str:
        """How to free it."""
        return FREEING[self.name]


@dataclass(frozen=True)
class Measured:
    """A measurement of the whole data folder."""

    at: datetime
    uses: tuple[Use, ...]  # those that take something


def free_bytes(settings: Settings) -> int:
    """Free space of the data folder's disk. Raises OSError."""
    return shutil.disk_usage(settings.data_dir).free


def measure(settings: Settings, database: Database) -> Measured:
    """Walk over the data folder."""
    at, sizes, files = now(), Counter[str](), Counter[str]()
    data_dir = settings.data_dir.resolve()
    tables = _files_of_databases(settings)
    for path, size in _walk([data_dir], {path for path in tables if not path.is_relative_to(data_dir)}):
        name = "database" if path in tables else _kind(path.relative_to(data_dir))
        sizes[name] += size
        files[name] += 1
    if not database.is_sqlite and (size := _postgres_bytes(database)):
        sizes["database"] += size
        files["database"] += 1
    return Measured(at, tuple(Use(name, sizes[name], files[name]) for name in FREEING if files[name]))


def _kind(path: Path) -> str:
    """Which of `FREEING` a file of the data folder is."""
    first, *rest = path.parts
    if not rest:
        return "copies of the database" if first.endswith((".bak", ".bak.partial")) else "other files"
    if first == "cache":
        return "pictures" if rest[0] == "pictures" else "caches"
    names = {"runs": "models"} | {name: name for name in ("uploads", "photos", "weights", "demo")}
    return names.get(first, "other files")


def _files_of_databases(settings: Settings) -> set[Path]:
    found = set()
    for url in map(make_url, (settings.database, settings.jobs_database)):
        if url.get_backend_name() == "sqlite" and url.database:
            found |= {Path(url.database + end).resolve() for end in ("", "-wal", "-shm", "-journal", ".lock")}
    return found


def _postgres_bytes(database: Database) -> int:
    try:
        with database.probe() as session:
            return int(session.scalar(text("SELECT pg_database_size(current_database())")) or 0)
    except (SQLAlchemyError, OSError) as error:
        log.warning("the database does not say its size: %s", error)
        return 0


def _walk(folders: list[Path], more: set[Path]) -> Iterator[tuple[Path, int]]:
    """Every file below the folders and every file of `more`, with its bytes; links are not followed."""
    for path in more:
        if path.is_file():
            yield path, path.stat().st_size
    while folders:
        with suppress(OSError), os.scandir(folders.pop()) as entries:  # removed meanwhile, or not to be read
            for entry in entries:
                with suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(Path(entry.path))
                    elif entry.is_file(follow_symlinks=False):
                        yield Path(entry.path), entry.stat(follow_symlinks=False).st_size


class DiskWatch:
    """The newest measurement; a new one begins in a thread when somebody asks and it is too old."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings, self._database = settings, database
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._newest: Measured | None = None

    def newest(self) -> Measured | None:
        """The newest measurement, up to ten minutes old at the last question; None: the first one runs."""
        with self._lock:
            is_old = self._newest is None or now() - self._newest.at > KEPT
            if is_old and (self._thread is None or not self._thread.is_alive()):
                self._thread = threading.Thread(target=self._measure, name="disk", daemon=True)
                self._thread.start()
            thread = self._thread
        if thread and self._newest is None:
            thread.join(PATIENCE)
        return self._newest

    def _measure(self) -> None:
        try:
            self._newest = measure(self._settings, self._database)
        except OSError as error:
            log.warning("the data folder cannot be measured: %s", error)
