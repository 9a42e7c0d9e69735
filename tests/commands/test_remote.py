"""Commands whose work a server does, and what each prints for scripts."""

import json
from pathlib import Path

import pytest

from app.cli import Commands
from app.db.engine import Database
from app.errors import Invalid
from app.settings import Settings
from tests.commands.conftest import Shell
from tests.conftest import People
from tests.factories import write_images
from tests.servers import environment, start_server
from tests.small_worker import SMALL, start_small_worker


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_server_imports_trains_and_exports_for_somebody_elsewhere(
    shell: Shell, settings: Settings, people: People, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_images(tmp_path / "there", per_class=8)
    more = {"TOPLOSS_SECRET_KEY": settings.secret_key}
    env = environment(settings.data_dir, database_url=settings.database_url, **more)
    monkeypatch.setenv("TOPLOSS_TOKEN", people.tokens["ada"])
    with (
        start_server(settings.data_dir, database_url=settings.database_url, **more) as server,
        start_small_worker(env, tmp_path / "worker.log"),
    ):
        monkeypatch.setenv("TOPLOSS_SERVER", server.url)
        made = shell("import", folder, "--name", "pets", "--json")
        assert made.exit_code == 0, made.exception
        dataset = json.loads(made.stdout)
        assert (dataset["name"], dataset["state"], dataset["samples"]) == ("pets", "ready", 30)
        trained = shell("train", "pets", *SMALL, "--epochs", 1, "--wait", "--json")
        assert trained.exit_code == 0, trained.output
        run = json.loads(trained.stdout)
        assert (run["state"], run["dataset"]) == ("finished", "pets")
        assert isinstance(shell("resume", run["id"]).exception, Exception)
        file = tmp_path / "labels.csv"
        said = shell("export", "pets", "-o", file, "--freeze", "--run", run["id"], "--json")
        assert json.loads(said.stdout)["version"] == 0
        assert len(file.read_text().splitlines()) == 31
        assert shell("export", "pets", "-o", "-").stdout.startswith("sample_id,")
        assert "Without a decision" in shell("problems", "pets").stderr
        refused = shell("export", "pets", "-o", file, "--version", 7)
        assert "version" in str(refused.exception)


def test_every_command_with_json_prints_only_json(
    shell: Shell, tmp_path: Path, database: Database, people: People
) -> None:
    folder = write_images(tmp_path / "there", per_class=8)
    made = json.loads(shell("import", folder, "--name", "pets", "--json").stdout)
    assert (made["dataset"], made["samples"], made["rejected_files"]) == ("pets", 30, 0)
    run = json.loads(shell("train", "pets", *SMALL, "--json").stdout)
    assert {"id", "job", "version", "recipe"} <= run.keys()
    assert shell("runs", "cancel", run["id"]).exit_code == 0
    assert json.loads(shell("resume", run["id"], "--json").stdout)["id"] == run["id"]
    assert json.loads(shell("recipes", "--json").stdout)["recipes"].keys() >= {"quick", "default"}
    names = [json.loads(line)["name"] for line in shell("user", "list", "--json").stdout.splitlines()]
    assert names == ["ada", "ann", "bob"]
    tokens = [json.loads(line) for line in shell("token", "list", "--json").stdout.splitlines()]
    assert {token["owner"] for token in tokens} == {"ada", "ann", "bob"}
    file = tmp_path / "labels.csv"
    assert json.loads(shell("export", "pets", "-o", file, "--json").stdout)["file"] == str(file)
    assert isinstance(shell("export", "pets", "-o", "-", "--json").exception, Invalid)


def test_every_command_that_a_script_reads_has_json() -> None:
    def leaves(command: object, words: tuple[str, ...]) -> list[tuple[str, ...]]:
        groups = getattr(command, "commands", None)
        if groups is None:
            has = any("--json" in parameter.opts for parameter in command.params)
            return [] if has else [words]
        return [each for name, below in groups.items() for each in leaves(below, (*words, name))]

    without = {each for name, lazy in Commands.table.items() for each in leaves(lazy.load(name), (name,))}
    for_people = {("serve",), ("worker",), ("demo",), ("backup",), ("restore",)}
    of_accounts = {("user", "add"), ("user", "password"), ("token", "create"), ("token", "revoke")}
    groups = {"classes", "datasets", "labels"}  # of changes: what they print is read by people
    assert {each for each in without if each[0] not in groups} == for_people | of_accounts
