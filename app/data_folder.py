"""Prepares the data folder when a process starts: private, without files that killed processes left."""

import logging
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import make_url

from app.errors import Conflict
from app.files import OTHERS, PRIVATE_FOLDER, keep_private, make_private, sweep
from app.settings import Settings

log = logging.getLogger(__name__)
# Files that Toploss writes there. Everything else in the folder is left as it is.
RESTORING = ".restoring"  # in a folder while a backup is being restored into it
OURS = (
    "*.db",
    "*.db-*",
    "*.db.*",
    "*.lock",
    "*.key",
    "uploads",
    "runs",
    "photos",
    "weights",
    "cache",
    "demo",
    "demo-logins.txt",
)


def open_data_folder(settings: Settings) -> None:
    """Create the folder; make its old and new files readable by their owner only.

    Earlier versions wrote files that every user could read; the next start makes these private too. Raises
    Conflict while a backup is being restored into the folder.
    """
    keep_private()
    folder = settings.data_dir
    if (folder / RESTORING).exists():
        raise Conflict(
            f"A backup is being restored into {folder}, or restoring was interrupted; wait until it has "
            "finished, or empty the folder and restore the backup again."
        )
    folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
    open_files = make_private(_databases(settings))
    if folder.stat().st_mode & OTHERS:
        open_files += make_private(path for pattern in OURS for path in folder.glob(pattern))
        try:
            # Last: if this start is interrupted, the next one does everything again.
            folder.chmod(PRIVATE_FOLDER)
        except PermissionError:
            open_files.append(folder)
    for path in open_files:
        log.warning(
            "other users can read %s: it belongs to another user, who can make it private with chmod go=",
            path,
        )


def sweep_data_folder(settings: Settings) -> None:
    """Remove the temporary files of processes that have ended."""
    swept = sweep(settings.data_dir, name="secret.key")
    for folder in (
        settings.uploads_dir,
        settings.runs_dir,
        settings.photos_dir,
        settings.weights_dir,
        settings.cache_dir,
    ):
        swept += sweep(folder)
    if swept:
        log.info("removed %s temporary files that earlier processes left in %s", swept, settings.data_dir)


def _databases(settings: Settings) -> Iterator[Path]:
    """The files of SQLite, which may be in another folder."""
    for url in (settings.database, settings.jobs_database):
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite" and parsed.database:
            for suffix in ("", "-wal", "-shm", ".lock"):
                yield Path(parsed.database + suffix)
