"""What the storage refuses, in words, from real errors of SQLite and the system."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from app.db.trouble import as_trouble
from app.errors import Busy, StorageFull, Unavailable


def read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True)


def full(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA max_page_count = 1")
    return connection


def locked(path: Path) -> sqlite3.Connection:
    other = sqlite3.connect(path, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    return sqlite3.connect(path, timeout=0, factory=type("Kept", (sqlite3.Connection,), {"other": other}))


def no_database(path: Path) -> sqlite3.Connection:
    path.write_bytes(b"this is no database" * 100)
    return sqlite3.connect(path)


def gone(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{path}/nowhere?mode=rw", uri=True)


@pytest.mark.parametrize(
    ("connect", "kind", "words"),
    [
        (read_only, Unavailable, "no permission to write"),
        (full, StorageFull, "disk of the server is full"),
        (locked, Busy, "busy"),
        (no_database, Unavailable, "reports an error"),
        (gone, Unavailable, "cannot be reached"),
    ],
)
def test_each_of_them_has_its_own_words(
    connect: Callable[[Path], sqlite3.Connection], kind: type[Unavailable], words: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.db"
    with sqlite3.connect(path) as made:
        made.execute("CREATE TABLE a (x)")
    engine = create_engine("sqlite://", creator=lambda: connect(path))
    with pytest.raises(DBAPIError) as error, engine.begin() as connection:
        connection.execute(text("CREATE TABLE b (x)"))
    trouble = as_trouble(error.value)
    assert type(trouble) is kind
    assert words in str(trouble)


def test_files_have_the_same_words_and_what_the_storage_did_not_cause_has_none(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space") as error, Path("/dev/full").open("wb", buffering=0) as file:
        file.write(b"x")
    assert isinstance(as_trouble(error.value), StorageFull)
    assert as_trouble(FileNotFoundError(2, "none")) is None
    engine = create_engine("sqlite://")
    with pytest.raises(DBAPIError) as wrong, engine.begin() as connection:
        connection.execute(text("SELECT * FROM nowhere"))
    assert as_trouble(wrong.value) is None
