"""Makes a backup, also during review, imports and trainings.

The database is saved first, in its state at one moment, then the files. Files are written before the rows
that refer to them, so all of them exist; newer files are not needed and are left out by a restore.
"""

import os
import resource
import sqlite3
import stat
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import IO

from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from app.backup import postgres
from app.backup.archive import DATA, DUMP, FILES, SQLITE, About, Writer, writing
from app.backup.telling import tell_backup
from app.db.copies import copy_database, flush
from app.db.migrating import all_revisions
from app.db.trouble import is_of_the_machine
from app.db.types import now
from app.errors import Conflict, Invalid, NotFound, StorageFull
from app.files import PART, is_full, sweep, temporary_file
from app.settings import Settings, sqlite_url

TRIES = 100  # to see the files of a folder that a training writes to unchanged


@dataclass(frozen=True)
class Saved:
    """A backup that was made."""

    bytes: int
    revision: str
    files: Counter[str]  # how many in uploads, runs, photos, …
    outside: dict[str, str]  # data set → source: images that lie elsewhere and are not in it
    missing: dict[str, str]  # the same, of those that should lie in the data folder
    key_in_environment: bool


@dataclass(frozen=True)
class _Database:
    """What the database said at the moment that is saved."""

    revision: str
    sources: dict[str, str]  # by data set


def save(settings: Settings, target: Path, *, files_only: bool = False) -> Saved:
    """Write a backup to `target`, which is there when it is whole, and for its owner only.

    Raises Conflict, NotFound, Invalid, StorageFull.
    """
    _refuse(settings, target, files_only=files_only)
    if not settings.has_no_key:
        settings.secret()  # what is no key could not be restored
    try:
        saved = _save(settings, target, files_only=files_only)
    except (OSError, sqlite3.Error, DBAPIError) as error:
        if not is_full(error):
            raise
        raise StorageFull(
            f"There is not enough space for the backup in {target.absolute().parent}, so none was made. "
            "Free some space there, or choose another place."
        ) from error
    tell_backup(settings, target, size=saved.bytes)
    return saved


def _save(settings: Settings, target: Path, *, files_only: bool) -> Saved:
    sweep(target.parent, name=target.name, older_than=0)  # what a killed backup to the same file left
    with temporary_file(target.parent, name=target.name) as partial:
        with _database(settings, target, files_only=files_only) as (database, kind, dump):
            inside, outside, missing = _sort_sources(settings, database.sources)
            about = About(
                version("toploss"),
                now().isoformat(timespec="seconds"),
                database.revision,
                kind,
                bool(settings.secret_key),
                inside,
            )
            with partial.open("wb") as file:
                with writing(file, about) as writer:
                    if dump:
                        with dump.open("rb") as opened:
                            writer.add(DUMP if kind == "postgresql" else SQLITE, opened)
                    files = _add_files(writer, settings, set(inside.values()))
                file.flush()
                os.fsync(file.fileno())
        size = partial.stat().st_size
        _put(partial, target)
    return Saved(size, database.revision, files, outside, missing, about.key_in_environment)


def _refuse(settings: Settings, target: Path, *, files_only: bool) -> None:
    if target.is_dir():
        raise Conflict(f"{target} is a folder; name a file in it, or add --keep 10 to have it named.")
    if target.exists() or target.is_symlink():
        raise Conflict(f"{target} is there already; choose another name, or move it away.")
    if not target.parent.is_dir():
        raise NotFound(f"There is no folder {target.parent}; make it, or choose another place.")
    if make_url(settings.database).get_backend_name() == "sqlite":
        if files_only:
            raise Invalid("--files-only is for PostgreSQL; a SQLite database is always in the backup.")
        if not sqlite_path(settings).is_file():
            raise NotFound(
                f"There is no database {sqlite_path(settings)}, so nothing to back up; check "
                "TOPLOSS_DATA_DIR."
            )


def sqlite_path(settings: Settings) -> Path:
    """The database file of the settings."""
    return Path(make_url(settings.database).database or "")


@contextmanager
def _database(
    settings: Settings, target: Path, *, files_only: bool
) -> Iterator[tuple[_Database, str, Path | None]]:
    """The database at one moment: its facts, its kind, and a temporary copy next to `target`."""
    with temporary_file(target.parent, name=f"{target.name}.database") as dump:
        if make_url(settings.database).get_backend_name() == "sqlite":
            _copy(sqlite_path(settings), dump)
            with create_engine(sqlite_url(dump), poolclass=NullPool).connect() as connection:
                read = _read(connection)
            yield read, "sqlite", dump
            return
        engine = create_engine(settings.database, poolclass=NullPool, isolation_level="REPEATABLE READ")
        with engine.connect() as connection:
            snapshot = str(connection.scalar(text("SELECT pg_export_snapshot()")))
            read = _read(connection)
            if not files_only:
                postgres.dump(settings.database, dump, snapshot=snapshot)
        yield read, "elsewhere" if files_only else "postgresql", None if files_only else dump


def _copy(path: Path, dump: Path) -> None:
    """A sound copy of the database. Raises Conflict, StorageFull, and OSError."""
    try:
        copy_database(path, dump)
        with closing(sqlite3.connect(dump)) as copy:
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, whoever opens it
            problem = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        if is_full(error):
            raise
        if is_of_the_machine(error):
            raise Conflict(
                f"The database {path} cannot be copied to {dump.parent} ({error}), so no backup was made; "
                "check both, and make the backup again."
            ) from error
        problem = str(error)
    if problem != "ok":
        raise Conflict(
            f"The database {path} is damaged ({problem}), so no backup was made. Restore the last backup, "
            "and look at the disk."
        )


def _read(connection: Connection) -> _Database:
    tables = connection.dialect.get_table_names(connection)
    found = (
        connection.scalar(text("SELECT version_num FROM alembic_version"))
        if "alembic_version" in tables
        else None
    )
    if not found:
        raise Conflict("The database has no tables yet, so there is nothing to back up.")
    if found not in all_revisions():
        raise Conflict(
            f"The database is of a newer version of Toploss (revision {found}); back it up with that version."
        )
    rows = connection.execute(text("SELECT name, source FROM dataset ORDER BY name"))
    return _Database(found, {row.name: row.source for row in rows})


def _sort_sources(
    settings: Settings, sources: dict[str, str]
) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """The sources as paths in the data folder, and those outside and those missing, by data set."""
    roots = [(folder.resolve(), folder.relative_to(settings.data_dir)) for folder in _folders(settings)]
    roots.append((settings.data_dir.resolve(), Path()))
    inside, outside, missing = {}, {}, {}
    for name, source in sources.items():
        if "://" in source:
            outside[name] = source
            continue
        root = next((root for root in roots if Path(source).is_relative_to(root[0])), None)
        if root is None or Path(source) == settings.data_dir.resolve():
            outside[name] = source
        elif not Path(source).exists():
            missing[name] = source
        else:
            inside[source] = (root[1] / Path(source).relative_to(root[0])).as_posix()
    return inside, outside, missing


def _folders(settings: Settings) -> list[Path]:
    """Folders of the data folder that cannot be made again."""
    return [settings.uploads_dir, settings.runs_dir, settings.photos_dir, settings.data_dir / "demo"]


def _add_files(writer: Writer, settings: Settings, sources: set[str]) -> Counter[str]:
    """Add the key, the demo's log-ins, the folders above, and images that are in the data folder."""
    count: Counter[str] = Counter()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # a run has a file an epoch, open at once
    try:
        for name in FILES:
            with suppress(FileNotFoundError), (settings.data_dir / name).open("rb") as file:
                writer.add(f"{DATA}{name}", file)
                count[name] += 1
        ours = _folders(settings)
        for folder in ours:
            for below, opened in _files_below(folder, at_once=folder == settings.runs_dir):
                writer.add(f"{DATA}{folder.name}/{below}", opened)
                count[folder.name] += 1
        for source in sorted(sources):
            path = settings.data_dir / source
            if not any(path.is_relative_to(folder) for folder in ours):
                for below, opened in _files_below(path) if path.is_dir() else _one(path):
                    writer.add(f"{DATA}{source}/{below}" if below else f"{DATA}{source}", opened)
                    count["images"] += 1
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return count


def _one(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with path.open("rb") as file:
        yield "", file


def _files_below(root: Path, *, at_once: bool = False) -> Iterator[tuple[str, IO[bytes]]]:
    """Path and open file of every regular file below `root`; links to files inside it are followed.

    With `at_once` the files of a folder are those of one moment: a network's checkpoint is several files,
    each replaced as a whole, and the last one says which belong together.
    """
    for folder, folders, names in os.walk(root):
        folders.sort()
        below = Path(folder).relative_to(root)
        if at_once:
            with ExitStack() as stack:
                for name, opened in _opened_at_once(Path(folder), stack):
                    yield (below / name).as_posix(), opened
            continue
        for name in sorted(names):
            with suppress(FileNotFoundError), ExitStack() as stack:  # removed meanwhile
                if (file := _open(Path(folder, name), root.resolve(), stack)) is not None:
                    yield (below / name).as_posix(), file


def _open(path: Path, root: Path, stack: ExitStack) -> IO[bytes] | None:
    """Open it for the duration of the stack; None for incomplete files, pipes and links that leave `root`."""
    if path.name.endswith((PART, ".partial")) or not Path(os.path.realpath(path)).is_relative_to(root):
        return None
    return stack.enter_context(path.open("rb")) if stat.S_ISREG(path.stat().st_mode) else None


def _opened_at_once(folder: Path, stack: ExitStack) -> list[tuple[str, IO[bytes]]]:
    for _ in range(TRIES):
        before = _listing(folder)
        with suppress(FileNotFoundError), ExitStack() as opening:
            opened = [(name, _open(folder / name, folder.resolve(), opening)) for name in sorted(before)]
            if _listing(folder) == before:
                stack.push(opening.pop_all())
                return [(name, file) for name, file in opened if file is not None]
    raise Conflict(f"{folder} changed all the time while it was read; make the backup again.")


def _listing(folder: Path) -> dict[str, tuple[int, int, int]]:
    """The identity of the file with each name; a replaced file has another one, even with the same size."""
    found = {}
    with os.scandir(folder) as scan:
        for entry in scan:
            if entry.name.endswith((PART, ".partial")):
                continue
            with suppress(FileNotFoundError):  # a training has removed it since
                status = entry.stat()
                if not stat.S_ISREG(status.st_mode):
                    continue
                found[entry.name] = (status.st_ino, status.st_size, status.st_mtime_ns)
    return found


def _put(partial: Path, target: Path) -> None:
    """Give the file its name, unless another has it by now."""
    try:
        os.link(partial, target)
    except FileExistsError:
        raise Conflict(f"{target} is there already; choose another name, or move it away.") from None
    except OSError:  # a file system without hard links
        partial.replace(target)
    flush(target.parent)
