"""The main job from the shell, with a real worker that trains a real ResNet34."""

import csv
import fcntl
import json
import re
import signal
import sqlite3
import stat
import time
from pathlib import Path

import pytest

from tests.factories import write_images
from tests.servers import Server, environment, start_server
from tests.small_worker import SMALL


@pytest.fixture
def shell(sqlite_url: str, tmp_path: Path) -> Server:
    """Commands on a data folder of the test's own; no server runs."""
    data = tmp_path / "data"
    return Server(None, "", data, environment(data, database_url=sqlite_url), data / "log")  # type: ignore[arg-type]


def rows(shell: Server, query: str) -> list[tuple]:
    with sqlite3.connect(shell.data_dir / "toploss.db") as connection:
        return connection.execute(query).fetchall()


def test_import_train_export_without_any_server(shell: Server, tmp_path: Path) -> None:
    folder = write_images(tmp_path / "images", per_class=8)
    before = {path: path.read_bytes() for path in folder.rglob("*.png")}
    assert "30" in shell.command("import", str(folder), "--name", "pets").stdout
    done = shell.command("train", "pets", *SMALL, "--epochs", "1", "--wait")
    assert "its ranking is stored" in done.stdout
    assert rows(shell, "select count(*), min(rank), max(rank) from prediction") == [(30, 1, 30)]
    assert rows(
        shell, "select count(*) from prediction where label_quality between 0 and 1 and fold = -1"
    ) == [(30,)]
    image = str(folder / "valid" / "owl" / "000.png")
    table = shell.command("predict", "1", image).stdout.splitlines()
    assert table[0].split() == ["image", "predicted", "cat", "dog", "owl"]
    assert len(table) == 2
    told = shell.command(
        "predict", "--dataset", "pets", "--json", image, str(tmp_path / "none.png"), check=False
    )
    assert (told.returncode, "There is no file" in told.stderr) == (1, True)
    assert sum(json.loads(told.stdout)["images"][0]["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    for name, is_replaced in (("one.csv", False), ("two.csv", False), ("two.csv", True)):
        told = shell.command("export", "pets", "--format", "csv", "-o", str(tmp_path / name))
        assert ("(replaced)" in told.stderr) == is_replaced
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    with (tmp_path / "one.csv").open(newline="") as file:
        assert {row["label"] for row in csv.DictReader(file)} == {"cat", "dog", "owl"}
    assert {path: path.read_bytes() for path in folder.rglob("*.png")} == before


def test_a_recipe_is_changed_with_set_and_a_wrong_change_is_a_sentence(shell: Server, tmp_path: Path) -> None:
    known = shell.command("recipes").stdout
    for words in (
        "label_smoothing  0           0.1         0.1         0           0 to 0.5",
        "0 or 2 to 10 networks",
        "class_weights",
    ):
        assert words in known, known
    shell.command("import", str(write_images(tmp_path / "images", per_class=3)), "--name", "pets")
    weights = 'class_weights={"cat": 3, "owl": 1}'
    done = shell.command(
        "train", "pets", "--recipe", "quick", "--set", "epochs=2", "--set", weights, "--start", "none"
    )
    assert "recipe quick, edited, weights none: queued" in done.stdout
    [(stored,)] = rows(shell, "select recipe from run")
    recipe = json.loads(stored)
    assert (recipe["phases"][-1]["epochs"], recipe["class_weights"]) == (2, [["cat", 3.0], ["owl", 1.0]])
    for change, words in (("epochs=0", "1 to 1000"), ("epochs", "field=value"), ("momentum=1", "no field")):
        wrong = shell.command("train", "pets", "--set", change, check=False)
        assert (wrong.returncode, words in wrong.stderr, "Traceback" in wrong.stderr) == (1, True, False), (
            wrong.stderr
        )
    waits = shell.command("resume", "1", check=False)
    assert (waits.returncode, "only a cancelled or failed one" in waits.stderr) == (1, True)


def test_a_training_without_a_recipe_uses_the_recommended_one_and_says_why(
    shell: Server, tmp_path: Path
) -> None:
    shell.command("import", str(write_images(tmp_path / "images", per_class=3)), "--name", "pets")
    told = shell.command("train", "pets", "--epochs", "2").stdout
    assert re.search(r"default: \d+ images of about \d+ x \d+, random start, 48 pixels, 18 epochs, ", told)
    assert "These images are small" in told
    (recipe,) = rows(shell, "select recipe from run")[0]
    assert (json.loads(recipe)["image_size"], json.loads(recipe)["phases"][-1]["epochs"]) == (48, 2)


def test_a_second_worker_of_the_same_name_is_refused(shell: Server) -> None:
    shell.data_dir.mkdir(exist_ok=True)
    with (shell.data_dir / "worker-embedded.lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = shell.command("worker", check=False)
    assert done.returncode == 1
    assert "already runs" in done.stderr


def test_training_that_fails_says_why_and_exits_with_1(shell: Server, tmp_path: Path) -> None:
    shell.command("import", str(write_images(tmp_path / "images", per_class=3)), "--name", "pets")
    shell.env["TOPLOSS_WEIGHTS"] = str(tmp_path / "none.safetensors")
    done = shell.command("train", "pets", "--recipe", "quick", "--wait", check=False)
    assert done.returncode == 1
    assert "none.safetensors" in done.stderr
    assert rows(shell, "select state from run") == [("failed",)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("import", "/nowhere", "--name", "x"), "no folder or zip"),
        (("train", "nothing"), "no data set named nothing"),
        (("export", "nothing", "-o", "-"), "no data set named nothing"),
        (("predict", "7", "a.png"), "There is no model with the id 7"),
        (("token", "create", "--user", "nobody"), "no user named nobody"),
    ],
)
def test_a_wrong_command_is_one_clear_sentence_and_exit_code_1(
    shell: Server, arguments: tuple[str, ...], words: str
) -> None:
    done = shell.command(*arguments, check=False)
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "abc"),
        ("LOG_LEVEL", "loud"),
        ("WORKER_ID", "a/b"),
        ("DATABASE_URL", "nonsense"),
        ("DATABASE_URL", "foo://x"),
        ("DATABASE_URL", "postgresql+psycopg://nobody@127.0.0.1:9/none"),
        ("SESSION_DAYS", "inf"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named_in_a_sentence(shell: Server, name: str, value: str) -> None:
    shell.env[f"TOPLOSS_{name}"] = value
    done = shell.command("user", "list", check=False)
    assert done.returncode == 1
    assert f"TOPLOSS_{name}" in done.stderr
    assert "Traceback" not in done.stderr


def test_people_and_tokens_are_made_from_the_shell(shell: Server) -> None:
    shell.command("user", "add", "ada", "--role", "admin", "--password-stdin", stdin="correct horse\n")
    assert shell.command("user", "list").stdout == "ada\tadmin\tactive\n"
    token = shell.command("token", "create", "--user", "ada").stdout
    assert token.startswith("tl_")
    assert token.count("\n") == 1
    assert token.strip() not in (shell.data_dir / "toploss.db").read_bytes().decode("latin-1")
    short = shell.command("user", "add", "bob", "--password-stdin", stdin="short\n", check=False)
    assert (short.returncode, "8 characters" in short.stderr) == (1, True)


def test_the_secret_key_is_made_once_and_readable_by_its_owner_only(shell: Server) -> None:
    shell.command("user", "add", "ada", "--role", "admin", "--password-stdin", stdin="correct horse\n")
    shell.command("token", "create", "--user", "ada")
    key = shell.data_dir / "secret.key"
    first = key.read_bytes()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    shell.command("token", "create", "--user", "ada")
    assert key.read_bytes() == first


def test_ctrl_c_stops_the_server_and_its_worker(shell: Server) -> None:
    with start_server(shell.data_dir, database_url=shell.env["TOPLOSS_DATABASE_URL"], worker=True) as running:
        deadline = time.monotonic() + 60
        while "is ready" not in running.log.read_text():
            assert time.monotonic() < deadline, running.log.read_text()
            time.sleep(0.1)
        running.stop(signal.SIGINT)
    assert running.process.returncode in (0, 130, -signal.SIGINT)
    with (shell.data_dir / "worker-embedded.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # nobody holds it: the worker is gone
