"""Shared by commands: settings, the migrated database, the password prompt."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from app.settings import Settings

if TYPE_CHECKING:
    from app.db.engine import Database


def read_settings() -> Settings:
    """The settings, with a private data folder; from now on other users cannot read any new file."""
    from app.data_folder import open_data_folder
    from app.decoding import budget

    settings = Settings()
    budget.set_limit(settings.decoding_mb)
    logging.basicConfig(
        level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("alembic").setLevel(logging.WARNING)
    open_data_folder(settings)
    return settings


@contextmanager
def open_database() -> "Iterator[Database]":
    """The migrated database."""
    import app.db.tables  # noqa: F401 - registers them
    from app.db.engine import Database
    from app.db.migrating import migrate

    settings = read_settings()
    migrate(settings.database)
    database = Database(settings.database)
    try:
        yield database
    finally:
        database.close()


def ask_password(*, from_stdin: bool) -> str:
    """A password, typed twice, or the first line of standard input."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    answer: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return answer
