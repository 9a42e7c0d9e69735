"""Places to restore into."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from app.settings import Settings

Elsewhere = Callable[[str], Settings]


def settings_of(folder: Path, url: str = "") -> Settings:
    return Settings(_env_file=None, data_dir=folder, database_url=url)  # type: ignore[call-arg]


@pytest.fixture
def here(settings: Settings) -> Settings:
    """The settings of the test's database, with a secret key in the data folder."""
    made = settings_of(settings.data_dir, settings.database_url)
    made.secret()
    return made


@pytest.fixture
def elsewhere(settings: Settings, tmp_path: Path) -> Iterator[Elsewhere]:
    """Settings of an empty place, with an empty database of the same kind."""
    names: list[str] = []
    engine = create_engine(settings.database, isolation_level="AUTOCOMMIT", poolclass=NullPool)

    def make(name: str) -> Settings:
        if engine.dialect.name == "sqlite":
            return settings_of(tmp_path / name)
        names.append(f"restored_{uuid.uuid4().hex}")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {names[-1]}"))
        url = engine.url.set(database=names[-1]).render_as_string(hide_password=False)
        return settings_of(tmp_path / name, url)

    yield make
    for name in names:
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
