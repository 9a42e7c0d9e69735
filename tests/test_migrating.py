"""Migrations at start: once, with a copy first, and never backwards."""

import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text

from app.errors import Conflict
from app.migrating import migrate


def test_a_new_database_gets_every_table_and_a_second_start_changes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    migrate(url)
    before = (tmp_path / "new.db").read_bytes()
    migrate(url)
    assert (tmp_path / "new.db").read_bytes() == before
    assert {"sample", "decision", "run", "job"} <= set(inspect(create_engine(url)).get_table_names())


def test_an_older_sqlite_file_is_copied_before_it_is_migrated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    migrate(url)
    scripts = tmp_path / "migrations"
    import shutil

    from app import migrating

    shutil.copytree(migrating.bundled_migrations(), scripts)
    (scripts / "versions" / "9999_more.py").write_text(
        "from alembic import op\nimport sqlalchemy as sa\nrevision = '9999'\n"
        f"down_revision = {max(path.stem[:4] for path in (scripts / 'versions').glob('*.py'))!r}\n"
        "def upgrade():\n    op.add_column('job', sa.Column('colour', sa.String()))\n"
    )
    monkeypatch.setattr(migrating, "bundled_migrations", lambda: scripts)
    with sqlite3.connect(tmp_path / "old.db") as connection:
        connection.execute("insert into worker values ('w', '2026-01-01', '2026-01-01')")
    migrate(url)
    [copy] = tmp_path.glob("old.db.*.bak")
    for path, columns in ((copy, False), (tmp_path / "old.db", True)):
        with sqlite3.connect(path) as connection:
            assert ("colour" in {row[1] for row in connection.execute("pragma table_info(job)")}) == columns
            assert connection.execute("select id from worker").fetchall() == [("w",)]


def test_the_database_of_a_newer_version_is_refused_in_words(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'newer.db'}"
    migrate(url)
    with sqlite3.connect(tmp_path / "newer.db") as connection:
        connection.execute("update alembic_version set version_num = 'future'")
    with pytest.raises(Conflict, match="newer Toploss"):
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
