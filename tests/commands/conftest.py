"""Commands against the database and data folder of a test, in this process and against a server."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.settings import Settings
from tests.conftest import People
from tests.servers import start_server

Shell = Callable[..., Any]


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Shell:
    """Run a command line; what it raises is the result's exception."""
    monkeypatch.setenv("TOPLOSS_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("TOPLOSS_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("TOPLOSS_SECRET_KEY", settings.secret_key)
    monkeypatch.delenv("TOPLOSS_SERVER", raising=False)
    runner = CliRunner()
    return lambda *words: runner.invoke(cli, list(map(str, words)))


@pytest.fixture
def there(
    shell: Shell, settings: Settings, people: People, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shell]:
    """Run a command line against a server as the admin ada."""
    with start_server(
        settings.data_dir, database_url=settings.database_url, TOPLOSS_SECRET_KEY=settings.secret_key
    ) as server:
        monkeypatch.setenv("TOPLOSS_TOKEN", people.tokens["ada"])
        yield lambda *words: shell(*words, "--server", server.url)


def said(shell: Shell, *words: object) -> str:
    """What a command that succeeds prints."""
    got = shell(*words)
    assert got.exit_code == 0, (got.output, got.exception)
    return str(got.stdout)
