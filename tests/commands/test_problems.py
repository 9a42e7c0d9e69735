"""The command that lists the problems of images."""

from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from app.cli import cli
from app.errors import Invalid, NotFound
from tests.factories import write_images


@pytest.fixture
def imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """A data set with a blank image, in a data folder of its own."""
    monkeypatch.setenv("TOPLOSS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("TOPLOSS_FIRST_LOOK", "off")
    folder = write_images(tmp_path / "images")
    Image.new("RGB", (16, 16), (90, 100, 110)).save(folder / "train" / "cat" / "blank.png")
    runner = CliRunner()
    assert runner.invoke(cli, ["import", str(folder), "--name", "pets"]).exit_code == 0
    return runner


def test_each_line_has_the_kind_the_path_and_the_reason(imported: CliRunner) -> None:
    got = imported.invoke(cli, ["problems", "pets", "--kind", "blank"])
    assert got.exit_code == 0
    lines = [line.split("\t") for line in got.stdout.splitlines()]
    assert [line[:2] for line in lines] == [["blank", "train/cat/blank.png"]]
    assert lines[0][2].startswith("its places differ by 0 %")
    assert "Without a decision: " in got.stderr
    assert "1 blank" in got.stderr


def test_an_unknown_kind_and_an_unknown_data_set_are_refused(imported: CliRunner) -> None:
    assert isinstance(imported.invoke(cli, ["problems", "pets", "--kind", "ugly"]).exception, Invalid)
    assert isinstance(imported.invoke(cli, ["problems", "dogs"]).exception, NotFound)
