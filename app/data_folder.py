"""The data folder at the start of a process: there, for its owner's eyes only, and without what killed processes left."""

import logging
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import make_url

from app.errors import Conflict
from app.files import OTHERS, PRIVATE_FOLDER, keep_private, make_private, sweep
from app.settings import Settings

log = logging.getLogger(__name__)
# What the product writes there by itself. Anything else in the folder is somebody's own, and is left as it is.
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
    "cache",
    "demo",
    "demo-logins.txt",
)


def open_data_folder(settings: Settings) -> None:
    """Make the folder, and keep all that is written from now on, and was written before, from other users.

    An installation of an earlier version, which everybody could read, is closed at its next start. Raises
    Conflict while a backup is being restored into the folder.
    """
    keep_private()
    folder = settings.data_dir
    if (folder / RESTORING).exists():
        raise Conflict(
            f"A backup is being restored into {folder}, or that was cut off; wait for it, or empty the folder and restore it again."
        )
    folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
    open_files = make_private(_databases(settings))
    if folder.stat().st_mode & OTHERS:
        open_files += make_private(path for pattern in OURS for path in folder.glob(pattern))
        try:
            folder.chmod(
                PRIVATE_FOLDER
            )  # last, so that a start that is cut off is followed by another that closes all
        except PermissionError:
            open_files.append(folder)
    for path in open_files:
        log.warning(
            "other users may read %s: it belongs to another user, who can close it with chmod go=", path
        )


def sweep_data_folder(settings: Settings) -> None:
    """Remove the temporary files that processes left which are no more."""
    swept = sweep(settings.data_dir, name="secret.key")
    for folder in (settings.uploads_dir, settings.runs_dir, settings.photos_dir, settings.cache_dir):
        swept += sweep(folder)
    if swept:
        log.info("removed %s temporary files that earlier processes left in %s", swept, settings.data_dir)


def _databases(settings: Settings) -> Iterator[Path]:
    """SQLite's files, which may lie elsewhere."""
    for url in (settings.database, settings.jobs_database):
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite" and parsed.database:
            for suffix in ("", "-wal", "-shm", ".lock"):
                yield Path(parsed.database + suffix)
