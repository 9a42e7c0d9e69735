"""Commands whose work a server does, and what each prints for scripts."""

import json
from pathlib import Path

import pytest

from app.cli import Commands
from app.db.engine import Database
from app.errors import Conflict, Invalid, NotFound
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
        with pytest.raises(Conflict, match="only a cancelled or failed one"):
            raise shell("resume", run["id"]).exception
        image = folder / "valid" / "owl" / "000.png"
        predicted = json.loads(shell("predict", run["id"], image, "--json").stdout)
        assert (predicted["run"], predicted["dataset"]) == (run["id"], "pets")
        [photo] = predicted["images"]
        assert (photo["image"], set(photo["probabilities"])) == (str(image), {"cat", "dog", "owl"})
        assert shell("predict", run["id"], image, image).stdout.count(str(image)) == 2
        assert isinstance(shell("predict", run["id"], tmp_path / "none.png").exception, NotFound)
        bad = tmp_path / "bad.png"
        bad.write_text("no image")
        assert isinstance(shell("predict", run["id"], image, bad).exception, Invalid)
        file = tmp_path / "labels.csv"
        said = shell("export", "pets", "-o", file, "--freeze", "--run", run["id"], "--json")
        assert json.loads(said.stdout)["version"] == 0
        assert len(file.read_text().splitlines()) == 31
        assert shell("export", "pets", "-o", "-").stdout.startswith("sample_id,")
        assert "Without a decision" in shell("problems", "pets").stderr
        refused = shell("export", "pets", "-o", file, "--version", 7)
        assert "version" in str(refused.exception)
        import_with_labels(shell, folder, image, tmp_path)


def import_with_labels(shell: Shell, folder: Path, image: Path, tmp_path: Path) -> None:
    """Labels in a file elsewhere, in columns that are named; a link that leaves the folder is not sent."""
    flat = tmp_path / "flat"
    flat.mkdir()
    rows = []
    for number, path in enumerate(sorted((folder / "train").rglob("*.png"))):
        (flat / f"{number}.png").write_bytes(path.read_bytes())
        rows.append(f"{number}.png,{path.parent.name},{'xy'[number % 2]}")
    (tmp_path / "labels.csv").write_text("\n".join(["which,what,other", *rows]))
    (flat / "out.png").symlink_to(image)
    named = ("--labels", tmp_path / "labels.csv", "--path-column", "which", "--label-column", "other")
    made = shell("import", flat, "--name", "flat", *named, "--json")
    assert made.exit_code == 0, made.exception
    assert "out.png is not sent: a link that leaves the folder." in made.stderr
    assert (json.loads(made.stdout)["samples"], json.loads(made.stdout)["classes"]) == (24, 2)
    (flat / "labels.csv").write_text("\n".join(["which,what,other", *rows, "out.png,owl,x"]))
    inside = ("--labels", flat / "labels.csv", "--path-column", "which", "--label-column", "what")
    made = shell("import", flat, "--name", "linked", *inside, "--follow-links", "--json")
    assert made.exit_code == 0, made.exception
    assert (json.loads(made.stdout)["samples"], json.loads(made.stdout)["classes"]) == (25, 3)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--yes",), "Leave --yes out"),
        (("--seed", 3), "Leave --seed out"),
        (("--follow-links",), "no links to follow"),
    ],
)
def test_options_of_an_import_that_no_server_is_sent_are_refused(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[object, ...], words: str
) -> None:
    monkeypatch.setenv("TOPLOSS_TOKEN", "tl_x")
    file = tmp_path / "images.zip"
    file.write_bytes(b"")
    refused = shell("import", file, "--name", "pets", "--server", "http://127.0.0.1:1", *options)
    assert isinstance(refused.exception, Invalid)
    assert words in str(refused.exception)


def test_a_list_of_urls_and_a_best_run_are_not_asked_of_a_server(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOPLOSS_TOKEN", "tl_x")
    file = tmp_path / "list.csv"
    file.write_text("url,label\nhttps://example.org/1.png,x\n")
    server = ("--server", "http://127.0.0.1:1")
    assert "list of URLs" in str(shell("import", file, "--name", "pets", *server).exception)
    for words in (("a.png", "--dataset", "pets"), ("a.png",), ("1",)):
        assert "`toploss runs list" in str(shell("predict", *words, *server).exception)


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
    acts = ("add", "invite", "password", "reset-link", "role", "unlink", "withdraw")
    of_accounts = {*(("user", act) for act in acts), ("token", "create"), ("token", "revoke")}
    assert without == for_people | of_accounts
