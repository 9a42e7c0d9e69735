"""Restoring a backup into an empty data folder: all of it, checked, or nothing.

Everything is unpacked and checked beside its place, and moved there at the end. Where the folder cannot be
replaced (a mounted volume), that is a hidden folder in it, and as long as that is there Toploss does not
start.
"""

import fcntl
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import JSON, Connection, column, create_engine, inspect, make_url, select, text, update
from sqlalchemy import table as sa_table
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from app.backup import postgres
from app.backup.archive import DATA, DUMP, KEY, SQLITE, About, unpack
from app.backup.saving import sqlite_path
from app.data_folder import RESTORING
from app.db.copies import flush
from app.db.migrating import all_revisions
from app.db.trouble import is_of_the_machine
from app.errors import Conflict, Invalid, NotFound, StorageFull
from app.files import PRIVATE_FOLDER, is_full, temporary_file
from app.settings import Settings, is_key, sqlite_url

IGNORED = {RESTORING, "lost+found"}  # in a data folder that counts as empty


@dataclass(frozen=True)
class Restored:
    """What was restored."""

    about: About
    queued_again: int  # jobs that ran when the backup was made
    left_out: int  # folders of runs that began after the database was saved


def restore(settings: Settings, file: Path) -> Restored:
    """Restore a backup into the data folder and the database of the settings.

    Raises NotFound, Conflict, Invalid, StorageFull.
    """
    if not file.is_file():
        raise NotFound(f"There is no file {file}; name a file that `toploss backup` has written.")
    folder = settings.data_dir.resolve()
    _refuse_taken(settings, folder)
    try:
        return _restore(settings, file, folder)
    except (OSError, sqlite3.Error, DBAPIError) as error:
        if not is_full(error):
            raise
        raise StorageFull(
            f"There is not enough space for the backup in {folder}, so nothing was restored. Free some space "
            "there, or set TOPLOSS_DATA_DIR to another folder."
        ) from error


def _restore(settings: Settings, file: Path, folder: Path) -> Restored:
    with _stage(folder) as stage, file.open("rb") as opened:
        about = unpack(opened, stage)
        _check(settings, about, stage)
        if about.database == "elsewhere":
            with _engine(settings.database).begin() as connection:
                left_out, queued = _fit(connection, about, stage / "data", folder)
            _place(stage / "data", folder)
        elif about.database == "sqlite":
            left_out, queued = _place_sqlite(settings, about, stage, folder)
        else:
            left_out, queued = _place_postgresql(settings, about, stage, folder)
    return Restored(about, queued, left_out)


def _refuse_taken(settings: Settings, folder: Path) -> None:
    there = sorted({path.name for path in folder.iterdir()} - IGNORED) if folder.is_dir() else []
    if folder.exists() and not folder.is_dir():
        raise Conflict(f"{folder} is a file; set TOPLOSS_DATA_DIR to a folder that is empty or not there.")
    if there:
        raise Conflict(
            f"The data folder {folder} is not empty ({there[0]} is in it). A backup is restored into an "
            "empty one only: set TOPLOSS_DATA_DIR to another folder, or stop Toploss and move this one "
            "away."
        )
    if make_url(settings.database).get_backend_name() == "sqlite" and sqlite_path(settings).exists():
        raise Conflict(
            f"There is a database already: {sqlite_path(settings)}. Move it away with those of its name "
            "that end in -wal and -shm, or set TOPLOSS_DATABASE_URL to another one."
        )


@contextmanager
def _stage(folder: Path) -> Iterator[Path]:
    """A folder next to or in the data folder, removed at the end of the block; for one restore at a time."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    is_fixed = os.path.ismount(folder) or not os.access(folder.parent, os.W_OK)
    stage = folder / RESTORING if is_fixed else folder.with_name(f".{folder.name}{RESTORING}")
    stage.mkdir(exist_ok=True, mode=PRIVATE_FOLDER)
    descriptor = os.open(stage, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(f"A backup is being restored into {folder} already; wait for it.") from None
        for left in stage.iterdir():  # by one that was killed
            shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
        try:
            yield stage
        finally:
            shutil.rmtree(stage, ignore_errors=True)
    finally:
        os.close(descriptor)


def _check(settings: Settings, about: About, stage: Path) -> None:
    """Raises Invalid for a damaged or unsuitable backup, Conflict for a database that is not empty."""
    kind = make_url(settings.database).get_backend_name()
    if (about.database == "sqlite") != (kind == "sqlite"):
        raise Invalid(
            f"The backup is of {'SQLite' if about.database == 'sqlite' else 'PostgreSQL'}, and the "
            "settings name the other kind of database; set TOPLOSS_DATABASE_URL."
        )
    if about.revision not in all_revisions():
        raise Invalid(
            f"The backup is of a newer version of Toploss ({about.toploss}, revision {about.revision}); "
            "restore it with that version."
        )
    expected = {"sqlite": {SQLITE}, "postgresql": {DUMP}}.get(about.database, set())
    if {name for name in (SQLITE, DUMP) if (stage / name).exists()} != expected:
        raise Invalid("The backup is damaged: its database is missing. Take another one.")
    if (stage / DATA / KEY).is_file() and not is_key((stage / DATA / KEY).read_bytes()):
        raise Invalid("The backup is damaged: its secret key is empty or not whole. Take another one.")
    if about.database == "sqlite":
        _check_sqlite(stage / SQLITE, about)
        return
    with _engine(settings.database).connect() as connection:
        inspector = inspect(connection)
        schemas = set(inspector.get_schema_names()) - {"information_schema"}
        tables = {name for schema in schemas for name in inspector.get_table_names(schema)}
        if about.database == "postgresql" and tables:
            raise Conflict(
                "The PostgreSQL database of the settings is not empty; make an empty one (createdb) and "
                "name it."
            )
        if about.database == "elsewhere" and "alembic_version" not in tables:
            raise Conflict(
                "This backup has the files only. First fill the database with the dump of the same time: "
                f"{postgres.load_command(settings.database)}"
            )
        if about.database == "elsewhere" and _revision(connection) not in all_revisions():
            raise Invalid("The database is of a newer version of Toploss; restore with that version.")


def _check_sqlite(path: Path, about: About) -> None:
    try:
        with closing(sqlite3.connect(path)) as connection:
            said = connection.execute("PRAGMA integrity_check(1)").fetchall()
            found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error as error:
        if is_of_the_machine(error):
            raise
        raise Invalid(f"The database in the backup is damaged ({error}); take another backup.") from error
    if said != [("ok",)]:
        raise Invalid(f"The database in the backup is damaged ({said[0][0]}); take another backup.")
    if found != (about.revision,):
        raise Invalid(
            f"The database in the backup is not of the revision {about.revision} that the backup names; "
            "take another backup."
        )


def _place_sqlite(settings: Settings, about: About, stage: Path, folder: Path) -> tuple[int, int]:
    database = sqlite_path(settings)
    try:
        with _engine(sqlite_url(stage / SQLITE)).begin() as connection:
            fitted = _fit(connection, about, stage / "data", folder)
    except DBAPIError as error:
        if is_of_the_machine(error.orig):
            raise
        raise Invalid(
            f"The database in the backup is damaged ({error.orig}); take another backup."
        ) from error
    flush(stage / SQLITE)
    if database.resolve().is_relative_to(folder):
        inside = database.resolve().relative_to(folder)
        if any((stage / "data" / f"{inside}{end}").exists() for end in ("", "-wal", "-shm", "-journal")):
            raise Invalid(
                f"The backup has a file where the settings place the database, {inside}; "
                "nothing is restored. Set TOPLOSS_DATABASE_URL to another place."
            )
        (stage / "data" / inside).parent.mkdir(parents=True, exist_ok=True)
        (stage / SQLITE).rename(stage / "data" / inside)
        _place(stage / "data", folder, last=inside.parts[0])
        return fitted
    database.parent.mkdir(parents=True, exist_ok=True)
    with temporary_file(database.parent, name=database.name) as copy:
        shutil.copyfile(stage / SQLITE, copy)
        flush(copy)
        _place(stage / "data", folder)
        try:
            os.link(copy, database)
        except BaseException:
            _take_back(folder, stage / "data")
            raise
        flush(database.parent)
    return fitted


def _place_postgresql(settings: Settings, about: About, stage: Path, folder: Path) -> tuple[int, int]:
    _place(stage / "data", folder)
    try:
        postgres.load(settings.database, stage / DUMP)
    except BaseException:
        _take_back(folder, stage / "data")
        raise
    with _engine(settings.database).begin() as connection:
        return _fit(connection, about, folder, folder)


def _move_parts(connection: Connection, about: About, folder: Path) -> None:
    """Let what was added to data sets be read from this data folder."""
    if "parts" not in {each["name"] for each in inspect(connection).get_columns("dataset")}:
        return  # of a version in which nothing could be added
    table = sa_table("dataset", column("id"), column("parts", JSON))
    for dataset_id, parts in connection.execute(select(table.c.id, table.c.parts)).all():
        moved = [part | {"source": _moved(part["source"], about, folder)} for part in parts]
        if moved != parts:
            connection.execute(update(table).where(table.c.id == dataset_id).values(parts=moved))


def _moved(source: str, about: About, folder: Path) -> str:
    """Where a part lies now: a stored zip in the uploads of this folder, other sources where they were."""
    if source in about.sources:
        return str(folder / about.sources[source])
    stored = folder / "uploads" / Path(source).name
    return str(stored) if "://" not in source and Path(source).parent.name == "uploads" else source


def _fit(connection: Connection, about: About, files: Path, folder: Path) -> tuple[int, int]:
    """Match database and files; return how many folders were left out and how many jobs are queued again.

    The images are in this data folder now. Jobs that ran are queued again and resume from their files. A run
    that began after the database was saved is not in it, so its folder is left out: another run will get its
    number.
    """
    for source, member in about.sources.items():
        connection.execute(
            text("UPDATE dataset SET source = :now WHERE source = :before"),
            {"now": str(folder / member), "before": source},
        )
    _move_parts(connection, about, folder)
    queued = connection.execute(text("UPDATE job SET state = 'queued' WHERE state = 'running'")).rowcount
    connection.execute(text("DELETE FROM worker"))
    runs = {str(number) for number in connection.scalars(text("SELECT id FROM run"))}
    left_out = [
        path
        for kind in ("runs", "photos")
        if (files / kind).is_dir()
        for path in (files / kind).iterdir()
        if path.name not in runs
    ]
    for path in left_out:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return len(left_out), queued


def _revision(connection: Connection) -> str | None:
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def _place(files: Path, folder: Path, *, last: str = "") -> None:
    """Move the files into the data folder: in one step, or one by one if that folder exists, `last` last."""
    for each in os.walk(files):
        flush(Path(each[0]))
    if files.parent.parent != folder:
        files.rename(folder)  # over an empty folder; one that is not empty any more refuses
        flush(folder.parent)
        return
    names = sorted((path.name for path in files.iterdir()), key=lambda name: (name == last, name))
    try:
        for name in names:
            (files / name).rename(folder / name)
    except BaseException:
        _take_back(folder, files)
        raise
    flush(folder)


def _take_back(folder: Path, files: Path) -> None:
    """Undo `_place`: nothing half-restored stays."""
    with suppress(OSError):
        files.mkdir(exist_ok=True)
        for name in {path.name for path in folder.iterdir()} - IGNORED:
            (folder / name).rename(files / name)


def _engine(url: str) -> Engine:
    return create_engine(url, poolclass=NullPool)
