"""Migrations at start: once, with a copy first, and never backwards."""

import os
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from textwrap import indent

import pytest
from alembic import command
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.pool import NullPool

from app.db import migrating
from app.db.copies import copy_database
from app.db.migrating import migrate
from app.errors import Conflict


def test_a_new_database_gets_every_table_and_a_second_start_changes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    migrate(url)
    before = (tmp_path / "new.db").read_bytes()
    migrate(url)
    assert (tmp_path / "new.db").read_bytes() == before
    assert {"sample", "decision", "run", "job"} <= set(inspect(create_engine(url)).get_table_names())


AddMigration = Callable[[str], None]


@pytest.fixture
def add_migration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AddMigration:
    """Have one more migration than there are, with this body of `upgrade`.

    Called again, with another body.
    """
    scripts = tmp_path / "migrations"
    shutil.copytree(migrating.bundled_migrations(), scripts)
    newest = migrating.all_revisions()[-1]
    monkeypatch.setattr(migrating, "bundled_migrations", lambda: scripts)

    def add(body: str) -> None:
        (scripts / "versions" / "9999_more.py").write_text(
            "from alembic import op\nimport sqlalchemy as sa\n"
            f"revision = '9999'\ndown_revision = {newest!r}\ndef upgrade():\n{indent(body, '    ')}\n"
        )
        shutil.rmtree(scripts / "versions" / "__pycache__", ignore_errors=True)

    return add


COLOUR = "op.add_column('job', sa.Column('colour', sa.String()))"
COPIES_A_TABLE = """
op.create_table('more', sa.Column('id', sa.Integer(), primary_key=True))
op.execute("INSERT INTO more VALUES (1)")
with op.batch_alter_table('worker', recreate='always') as batch:
    batch.add_column(sa.Column('colour', sa.String()))
op.execute("DELETE FROM worker")
"""


def database_at(path: Path, revision: str) -> str:
    """A SQLite database of an older revision with a person in it, as a running server leaves it."""
    url = f"sqlite:///{path}"
    with migrating.migrating_engine(url).begin() as connection:
        command.upgrade(migrating.alembic_config(connection), revision)
        connection.exec_driver_sql("INSERT INTO worker VALUES ('w', '2026-01-01', '2026-01-01')")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    return url


def in_it(path: Path) -> list[str]:
    """Every line of a dump."""
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def test_an_older_sqlite_file_is_copied_before_it_is_migrated(
    tmp_path: Path, add_migration: AddMigration
) -> None:
    url = database_at(tmp_path / "old.db", migrating.all_revisions()[-1])
    add_migration(COLOUR)
    migrate(url)
    [copy] = tmp_path.glob("old.db.*.bak")
    assert copy.stat().st_mode & 0o777 == 0o600
    for path, columns in ((copy, False), (tmp_path / "old.db", True)):
        with closing(sqlite3.connect(path)) as connection:
            assert ("colour" in {row[1] for row in connection.execute("pragma table_info(job)")}) == columns
            assert connection.execute("select id from worker").fetchall() == [("w",)]


def test_an_upgrade_that_fails_at_its_end_changes_nothing_and_names_the_copy(
    tmp_path: Path, add_migration: AddMigration
) -> None:
    path = tmp_path / "old.db"
    url = database_at(path, migrating.all_revisions()[-1])
    before = in_it(path)
    add_migration(COPIES_A_TABLE + "op.execute('SELECT nonsense')")
    for _ in range(3):
        with pytest.raises(Conflict, match=r"nonsense.*Nothing was changed.*old\.db\.\d{4}\.bak"):
            migrate(url)
        assert in_it(path) == before
    [copy] = tmp_path.glob("old.db.*.bak*")  # however often it was tried
    assert in_it(copy) == before
    add_migration(COPIES_A_TABLE)
    migrate(url)
    assert migrating.revision_of(url) == "9999"
    assert "more" in inspect(create_engine(url)).get_table_names()


def test_an_upgrade_that_fails_changes_nothing_on_postgresql(
    empty_postgres: str, add_migration: AddMigration
) -> None:
    newest = migrating.all_revisions()[-1]
    add_migration(COPIES_A_TABLE + "op.execute('SELECT nonsense')")
    with pytest.raises(Conflict, match=r"nonsense.*Nothing was changed"):
        migrate(empty_postgres)
    assert migrating.revision_of(empty_postgres) == newest
    assert "more" not in inspect(create_engine(empty_postgres, poolclass=NullPool)).get_table_names()


def test_an_upgrade_after_which_rows_would_refer_to_nothing_is_refused(
    tmp_path: Path, add_migration: AddMigration
) -> None:
    path = tmp_path / "old.db"
    url = database_at(path, migrating.all_revisions()[-1])
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "INSERT INTO user_account (id, name, role, password_hash, active, created_at) "
            "VALUES (1, 'ada', 'admin', 'x', 1, '2026-01-01')"
        )
        connection.execute(
            "INSERT INTO login_session (token_hash, user_id, created_at, expires_at) "
            "VALUES ('t', 1, '2026-01-01', '2026-01-01')"
        )
        connection.commit()
    before = in_it(path)
    add_migration("op.execute('DELETE FROM user_account')")
    with pytest.raises(Conflict, match="1 rows of login_session would refer to missing rows of user_account"):
        migrate(url)
    assert in_it(path) == before


def test_a_copy_that_cannot_be_written_stops_the_upgrade_before_it_begins(
    tmp_path: Path, add_migration: AddMigration
) -> None:
    path = tmp_path / "old.db"
    newest = migrating.all_revisions()[-1]
    url = database_at(path, newest)
    add_migration(COLOUR)
    (tmp_path / f"old.db.{newest}.bak.partial").mkdir()  # no file can be written under this name
    with pytest.raises(Conflict, match=r"cannot be written.*Nothing was changed"):
        migrate(url)
    assert migrating.revision_of(url) == newest


def test_one_copy_of_a_revision_and_two_in_all_are_kept(tmp_path: Path, add_migration: AddMigration) -> None:
    path = tmp_path / "old.db"
    newest = migrating.all_revisions()[-1]
    url = database_at(path, newest)
    for age, name in enumerate(("0003", f"20261101T101010.{newest}", "0005", "20261101T101010.0002", "0001")):
        copy = tmp_path / f"old.db.{name}.bak"
        copy.write_text("from an earlier upgrade")
        os.utime(copy, (1_000_000 - age, 1_000_000 - age))
    other = tmp_path / "other.db.0003.bak"
    other.write_text("of another database")
    add_migration(COLOUR)
    migrate(url)
    assert {copy.name for copy in tmp_path.glob("old.db.*.bak")} == {
        f"old.db.{newest}.bak",
        "old.db.0003.bak",
    }
    assert other.exists()


def test_a_database_left_half_way_by_an_earlier_version_names_the_newest_copy_that_is_whole(
    tmp_path: Path,
) -> None:
    path = tmp_path / "old.db"
    url = database_at(path, "0003")
    whole = tmp_path / "old.db.20261101T101010.0003.bak"
    copy_database(path, whole)
    with closing(sqlite3.connect(path)) as connection:  # as that version did: each statement on its own
        connection.execute("CREATE TABLE bulk_action (id INTEGER PRIMARY KEY, dataset_id INTEGER)")
    copy_database(path, tmp_path / "old.db.20261102T101010.0003.bak")  # its next start
    here = {other.name for other in tmp_path.iterdir()} | {"old.db.lock"}
    for _ in range(3):
        with pytest.raises(
            Conflict,
            match=rf"interrupted.*The newest complete copy.* is {whole}.*copy {whole.name} to old.db",
        ):
            migrate(url)
    assert {other.name for other in tmp_path.iterdir()} == here, "no start writes another copy"
    for gone in ("old.db", "old.db-wal", "old.db-shm"):  # as the message says
        (tmp_path / gone).unlink(missing_ok=True)
    shutil.copy(whole, path)
    migrate(url)
    assert "INSERT INTO \"worker\" VALUES('w','2026-01-01','2026-01-01');" in in_it(path)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE decision ADD COLUMN origin VARCHAR",
        "CREATE TABLE _alembic_tmp_decision (id INTEGER)",
        "DROP TABLE sample_review",
        "DROP INDEX ix_sample_review_dataset_id_decision_id",
    ],
)
def test_whatever_was_done_of_an_upgrade_is_found(tmp_path: Path, statement: str) -> None:
    url = database_at(tmp_path / "old.db", "0003")
    with closing(sqlite3.connect(tmp_path / "old.db")) as connection:
        connection.execute(statement)
    with pytest.raises(Conflict, match=r"interrupted.*There is no complete copy"):
        migrate(url)


def test_tables_and_indexes_of_somebody_elses_do_not_stop_an_upgrade(tmp_path: Path) -> None:
    url = database_at(tmp_path / "old.db", "0003")
    with closing(sqlite3.connect(tmp_path / "old.db")) as connection:
        connection.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, words TEXT)")
        connection.execute("CREATE INDEX my_own ON decision (rank)")
    migrate(url)
    assert "notes" in inspect(create_engine(url)).get_table_names()


def test_a_first_start_that_an_earlier_version_left_half_way_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        connection.execute("CREATE TABLE dataset (id INTEGER PRIMARY KEY)")
    with pytest.raises(Conflict, match=r"first start of an earlier version of Toploss.*Move the file away"):
        migrate(f"sqlite:///{path}")
    path.unlink()
    migrate(f"sqlite:///{path}")


def test_the_database_of_a_newer_version_is_refused_in_words(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'newer.db'}"
    migrate(url)
    with sqlite3.connect(tmp_path / "newer.db") as connection:
        connection.execute("update alembic_version set version_num = 'future'")
    with pytest.raises(Conflict, match="newer version of Toploss"):
        migrate(url)


def test_web_and_worker_may_start_at_once(empty_postgres: str) -> None:
    engine = create_engine(empty_postgres, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("DROP DATABASE IF EXISTS at_once"))
        connection.execute(text("CREATE DATABASE at_once"))
    url = engine.url.set(database="at_once").render_as_string(hide_password=False)
    engine.dispose()
    errors: list[BaseException] = []

    def start() -> None:
        try:
            migrate(url)
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            errors.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
