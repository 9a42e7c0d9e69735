"""Many open one database file at once, as a server, its workers and a command do after a restore."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy.exc import OperationalError

from app.db.connections import sqlite_engine
from app.db.migrating import migrate

OPENERS = 4


def _file(path: Path) -> Path:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE images (path TEXT)")
    connection.close()
    return path


def test_a_file_without_its_write_ahead_log_can_be_opened_by_many_at_once(tmp_path: Path) -> None:
    def open_and_read(path: Path, together: Barrier) -> str:
        engine = sqlite_engine(f"sqlite:///{path}", wait=60)
        together.wait(60)
        try:
            with engine.connect() as connection:
                connection.exec_driver_sql("SELECT * FROM images")
                return str(connection.exec_driver_sql("PRAGMA journal_mode").scalar())
        finally:
            engine.dispose()

    for attempt in range(60):  # a lock that is refused at once shows in one of six
        path, together = _file(tmp_path / f"{attempt}.db"), Barrier(OPENERS)
        with ThreadPoolExecutor(OPENERS) as pool:
            modes = list(pool.map(open_and_read, [path] * OPENERS, [together] * OPENERS))
        assert modes == ["wal"] * OPENERS


def test_a_file_that_stays_locked_is_given_up_after_the_wait(tmp_path: Path) -> None:
    path = _file(tmp_path / "held.db")
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    engine = sqlite_engine(f"sqlite:///{path}", wait=0.2)
    with pytest.raises(OperationalError, match="database is locked"):
        engine.connect()
    holder.execute("COMMIT")
    engine.connect().close()
    engine.dispose()
    holder.close()


def test_an_upgraded_file_has_its_write_ahead_log_before_anybody_opens_it(tmp_path: Path) -> None:
    path = tmp_path / "toploss.db"
    for _start in range(2):
        migrate(f"sqlite:///{path}")
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            connection.execute("PRAGMA journal_mode = DELETE")  # as in a restored copy
