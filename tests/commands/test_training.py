"""Commands of the training, as they are typed."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.commands.shared import open_database
from app.errors import Invalid
from app.training.ending import end_run
from tests.factories import write_images


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """A shell with a data folder of its own and a data set named faces."""
    monkeypatch.setenv("TOPLOSS_DATA_DIR", str(tmp_path / "data"))
    runner = CliRunner()
    images = write_images(tmp_path / "images", per_class=2)
    assert runner.invoke(cli, ["import", str(images), "--name", "faces"]).exit_code == 0
    return runner


def test_train_queues_a_run_and_says_that_no_worker_runs(shell: CliRunner) -> None:
    said = shell.invoke(cli, ["train", "faces", "--recipe", "quick", "--set", "epochs=1"])
    assert said.exit_code == 0
    assert "Model 1 (run 1) of faces, version 0" in said.output
    assert "No worker runs; start one with `toploss serve`" in said.output


def test_train_says_which_finished_run_it_repeats(shell: CliRunner) -> None:
    once = ["train", "faces", "--recipe", "quick", "--set", "epochs=1"]
    assert "did exactly this" not in shell.invoke(cli, once).output
    with open_database() as database, database.write() as session:
        end_run(session, run_id=1, state="finished")
    assert (
        "Model 1 did exactly this: the same labels, start, recipe and seed" in shell.invoke(cli, once).output
    )
    assert "did exactly this" not in shell.invoke(cli, [*once, "--seed", "1"]).output


def test_a_change_without_a_value_is_refused(shell: CliRunner) -> None:
    said = shell.invoke(cli, ["train", "faces", "--set", "epochs"])
    assert isinstance(said.exception, Invalid)
    assert "--set takes field=value, not “epochs”" in str(said.exception)
