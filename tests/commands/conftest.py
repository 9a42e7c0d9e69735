"""Commands against the database and data folder of a test, in this process and against a server."""

from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.settings import Settings

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
