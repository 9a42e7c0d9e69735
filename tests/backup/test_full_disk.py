"""A disk without space is named as the only reason: neither database nor backup is called damaged."""

import errno
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from app.backup import postgres
from app.backup.restoring import restore
from app.backup.saving import save
from app.errors import Conflict, StorageFull
from app.settings import Settings
from tests.backup.conftest import Elsewhere
from tests.factories import Made


def no_space(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def sqlite_has_no_space(*_: Any, **__: Any) -> None:
    """What SQLite says itself when it cannot write another page."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("PRAGMA max_page_count = 1")
        connection.execute("CREATE TABLE a (x)")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("place", "fill"),
    [
        ("app.backup.saving.copy_database", sqlite_has_no_space),
        ("app.backup.archive.Writer.add", no_space),
    ],
)
def test_a_backup_without_space_says_only_that(
    here: Settings, made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, fill: Callable
) -> None:
    (tmp_path / "to").mkdir()
    monkeypatch.setattr(place, fill)
    with pytest.raises(StorageFull, match=r"There is not enough space .*Free some space") as error:
        save(here, tmp_path / "to" / "backup.tar")
    assert "restore" not in str(error.value)
    assert list((tmp_path / "to").iterdir()) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("place", ["unpack", "_fit", "_check_sqlite"])
def test_a_restore_without_space_does_not_blame_the_backup(
    here: Settings,
    made: Made,
    elsewhere: Elsewhere,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
) -> None:
    save(here, tmp_path / "backup.tar")
    there = elsewhere("there")
    fill = no_space if place == "unpack" else sqlite_has_no_space
    monkeypatch.setattr(f"app.backup.restoring.{place}", fill)
    with pytest.raises(StorageFull, match="not enough space") as error:
        restore(there, tmp_path / "backup.tar")
    assert "damaged" not in str(error.value)
    assert not there.data_dir.exists()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_database_that_another_program_locks_is_not_called_damaged(
    here: Settings, made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_: Any) -> None:
        path = tmp_path / "locked.db"
        with closing(sqlite3.connect(path)) as one, closing(sqlite3.connect(path, timeout=0)) as other:
            one.execute("BEGIN EXCLUSIVE")
            other.execute("CREATE TABLE a (x)")

    monkeypatch.setattr("app.backup.saving.copy_database", locked)
    with pytest.raises(Conflict, match="locked") as error:
        save(here, tmp_path / "backup.tar")
    assert "damaged" not in str(error.value)


def test_what_a_tool_of_postgresql_says_of_a_full_disk_is_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "pg_dump"
    tool.write_text(
        "#!/bin/sh\necho 'pg_dump: error: could not write: No space left on device' >&2\nexit 1\n"
    )
    tool.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert shutil.which("pg_dump") == str(tool)
    with pytest.raises(OSError, match="No space left") as error:
        postgres.dump("postgresql+psycopg://a@localhost/b", tmp_path / "dump", snapshot="1")
    assert error.value.errno == errno.ENOSPC
