"""`toploss doctor`."""

import json
from datetime import UTC, datetime

import pytest

from app.db.engine import Database
from app.jobs.requests import beat
from app.settings import Settings
from tests.commands.conftest import Shell
from tests.openid_provider import own_provider


def findings(shell: Shell, *words: str) -> dict[str, dict[str, object]]:
    done = shell("doctor", "--json", *words)
    said = json.loads(done.stdout)
    assert said["ok"] == (done.exit_code == 0)
    return {each["name"]: each for each in said["checks"]}


def test_it_says_what_is_missing_and_nothing_else_once_a_worker_runs(
    shell: Shell, database: Database, settings: Settings
) -> None:
    settings.data_dir.mkdir(exist_ok=True)
    settings.data_dir.chmod(0o700)  # as a first start makes it
    found = findings(shell)
    assert list(found) == ["versions", "data folder", "disk", "database", "worker", "weights", "device"]
    assert [name for name, each in found.items() if not each["ok"]] == ["worker"]
    assert "toploss worker" in str(found["worker"]["message"])
    with database.write() as session:
        beat(session, worker_id="one", started_at=datetime.now(UTC))
    assert all(each["ok"] for each in findings(shell).values())
    assert shell("doctor").exit_code == 0


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_each_kind_of_trouble_is_a_sentence_that_says_what_to_do(
    shell: Shell, database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    for name, value, check, hint in (
        ("DATABASE_URL", "postgresql+psycopg://127.0.0.1:1/none", "database", "TOPLOSS_DATABASE_URL"),
        ("WEIGHTS", "/nowhere/weights.pth", "weights", "TOPLOSS_WEIGHTS"),
        ("DATA_DIR", "/dev/null", "data folder", "TOPLOSS_DATA_DIR"),
        ("PORT", "99999999", "settings", "docs/settings.md"),
    ):
        with monkeypatch.context() as patched:
            patched.setenv(f"TOPLOSS_{name}", value)
            found = findings(shell)[check]
        assert not found["ok"], check
        assert hint in str(found["message"])
        assert "\n" not in str(found["message"])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_provider_of_single_sign_on_is_asked_where_one_is_set(
    shell: Shell, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.accounts.openid.PATIENCE", 300)  # the machine may be busy
    assert "single sign-on" not in findings(shell)
    with own_provider() as running:
        for name, value in running.settings().items():
            monkeypatch.setenv(f"TOPLOSS_{name.upper()}", value)
        found = findings(shell)["single sign-on"]
        assert found["ok"], found
        assert running.issuer in str(found["message"])
    found = findings(shell)["single sign-on"]
    assert not found["ok"]
    assert "check TOPLOSS_OIDC_ISSUER" in str(found["message"])
