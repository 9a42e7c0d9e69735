"""What DBOS asks of SQLite is answered whatever its version."""

import time

from sqlalchemy import create_engine, text

from app.jobs.sqlite_clock import provide_clock


def test_a_moment_has_fractions_of_a_second_also_as_the_default_of_a_column() -> None:
    provide_clock()
    provide_clock()  # once more is no harm
    before = int(time.time() * 1000)
    with create_engine("sqlite://").begin() as connection:
        connection.execute(text("CREATE TABLE job (name, at BIGINT DEFAULT (unixepoch('subsec') * 1000))"))
        connection.execute(text("INSERT INTO job (name) VALUES ('train')"))
        at = connection.scalar(text("SELECT at FROM job"))
        now = connection.scalar(text("SELECT unixepoch('subsec') * 1000"))
    assert before <= at <= now <= time.time() * 1000 + 1
