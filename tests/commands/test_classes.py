"""`toploss classes`."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.errors import Conflict, Invalid
from tests.factories import write_images


@pytest.fixture
def imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """A data set of three classes with an admin, in a data folder of its own."""
    monkeypatch.setenv("TOPLOSS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("TOPLOSS_FIRST_LOOK", "off")
    runner = CliRunner()
    folder = write_images(tmp_path / "images")
    assert runner.invoke(cli, ["import", str(folder), "--name", "pets"]).exit_code == 0
    add_user(runner, "ada")
    return runner


def add_user(runner: CliRunner, name: str) -> None:
    asked = ["user", "add", name, "--role", "admin", "--password-stdin"]
    assert runner.invoke(cli, asked, input="correct horse battery\n").exit_code == 0


def listed(runner: CliRunner, *options: str) -> list[list[str]]:
    got = runner.invoke(cli, ["classes", "list", "pets", *options])
    assert got.exit_code == 0, got.output
    return [line.split("\t") for line in got.stdout.splitlines()]


def run(runner: CliRunner, *words: str) -> str:
    got = runner.invoke(cli, ["classes", *words])
    assert got.exit_code == 0, (got.output, got.exception)
    return got.stdout


def test_classes_are_added_renamed_merged_retired_and_restored(imported: CliRunner) -> None:
    before = listed(imported)
    assert before == [[name, "8", "8", "open"] for name in ("cat", "dog", "owl")]
    run(imported, "add", "pets", "emu")
    run(imported, "rename", "pets", "emu", "big bird")
    run(imported, "retire", "pets", "Big Bird")
    assert "8 images have the label “cat” now" in run(imported, "merge", "pets", "cat", "dog", "--yes")
    assert listed(imported) == [["dog", "16", "8", "open"], ["owl", "8", "8", "open"]]
    assert listed(imported, "--all")[0] == ["cat", "0", "8", "merged into dog"]
    for words in ("merged “cat” into “dog”", "retired “big bird”", "renamed “emu”", "added “emu”"):
        assert words in run(imported, "undo", "pets")
    assert listed(imported) == before


def test_a_merge_asks_first_and_asks_whose_decisions_it_writes(imported: CliRunner) -> None:
    assert imported.invoke(cli, ["classes", "merge", "pets", "cat", "dog"], input="n\n").exit_code == 1
    assert listed(imported)[0] == ["cat", "8", "8", "open"]
    add_user(imported, "ben")
    asked = ["classes", "merge", "pets", "cat", "dog", "--yes"]
    refused = imported.invoke(cli, asked).exception
    assert isinstance(refused, Invalid)
    assert "--as PERSON" in str(refused)
    assert imported.invoke(cli, [*asked, "--as", "ben"]).exit_code == 0


def test_a_repeated_import_knows_the_classes_of_now(imported: CliRunner, tmp_path: Path) -> None:
    run(imported, "rename", "pets", "cat", "house cat")
    run(imported, "merge", "pets", "owl", "dog", "--yes")
    folder = write_images(tmp_path / "images", per_class=8, seed=5, splits=("train",))
    write_images(tmp_path / "images", splits=("train",))
    got = imported.invoke(cli, ["import", str(folder), "--name", "pets"])
    assert got.exit_code == 0, got.output
    assert "New images of “owl” were put into “dog”" in got.stdout
    assert listed(imported, "--all") == [
        ["house cat", "10", "10", "open"],
        ["dog", "20", "12", "open"],
        ["owl", "0", "8", "merged into dog"],
    ]


def test_a_class_with_images_is_not_retired(imported: CliRunner) -> None:
    assert isinstance(imported.invoke(cli, ["classes", "retire", "pets", "cat"]).exception, Conflict)
