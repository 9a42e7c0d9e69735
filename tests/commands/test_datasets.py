"""`toploss datasets`."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.errors import Conflict, Invalid, Moved
from tests.factories import write_images


@pytest.fixture
def imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """A data set in a data folder of its own."""
    monkeypatch.setenv("TOPLOSS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("TOPLOSS_FIRST_LOOK", "off")
    runner = CliRunner()
    folder = write_images(tmp_path / "images")
    assert runner.invoke(cli, ["import", str(folder), "--name", "pets"]).exit_code == 0
    return runner


def said(runner: CliRunner, *words: str, typed: str = "") -> str:
    got = runner.invoke(cli, ["datasets", *words], input=typed)
    assert got.exit_code == 0, (got.output, got.exception)
    return got.stdout


def test_a_data_set_is_listed_renamed_archived_and_deleted(imported: CliRunner) -> None:
    assert said(imported, "list") == "pets\t24\t3\tready\n"
    assert said(imported, "list", "--disk").endswith("\t0.0\n")
    said(imported, "rename", "pets", "animals")
    assert isinstance(imported.invoke(cli, ["train", "pets"]).exception, Moved)
    assert "--back" in said(imported, "archive", "animals")
    assert isinstance(imported.invoke(cli, ["train", "animals"]).exception, Conflict)
    assert said(imported, "list") == ""
    assert said(imported, "list", "--all") == "animals\t24\t3\tarchived\n"
    said(imported, "archive", "animals", "--back")
    wrong = imported.invoke(cli, ["datasets", "delete", "animals"], input="pets\n")
    assert isinstance(wrong.exception, Invalid)
    assert "24 images" in said(imported, "delete", "animals", typed="animals\n")
    assert said(imported, "list", "--all") == ""


def test_a_script_deletes_without_a_question(imported: CliRunner, tmp_path: Path) -> None:
    assert "pets is deleted." in said(imported, "delete", "pets", "--yes")
    assert len(list((tmp_path / "images").rglob("*.png"))) == 24


def test_who_sees_a_data_set_is_shown_and_chosen(imported: CliRunner) -> None:
    for name, role in (("ada", "admin"), ("bob", "viewer")):
        words = ["user", "add", name, "--role", role, "--password-stdin"]
        assert imported.invoke(cli, words, input="correct horse\n").exit_code == 0
    assert said(imported, "people", "pets") == "pets is seen by everybody.\n"
    assert said(imported, "people", "pets", "--add", "bob") == "pets is seen by admins, bob.\n"
    assert said(imported, "people", "pets", "--remove", "bob") == "pets is seen by admins.\n"
    shown = said(imported, "people", "pets", "--json")
    assert json.loads(shown) == {"dataset": "pets", "everybody": False, "people": []}
    assert said(imported, "people", "pets", "--everybody") == "pets is seen by everybody.\n"
    for words, kind in (
        (["--everybody", "--add", "bob"], Invalid),
        (["--remove", "bob"], Invalid),
        (["--add", "eve"], Invalid),
        (["--everybody", "--remove", "eve"], Invalid),
    ):
        assert isinstance(imported.invoke(cli, ["datasets", "people", "pets", *words]).exception, kind)
