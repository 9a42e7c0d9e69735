"""`toploss predictions import`, as it is typed."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from app.cli import cli
from app.errors import Invalid, NotFound
from app.web.rendering import ROOT
from tests.factories import CLASSES, write_images
from tests.ranking.prediction_files import as_csv, as_npy


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """A shell with a data folder of its own and a data set named faces."""
    monkeypatch.setenv("TOPLOSS_DATA_DIR", str(tmp_path / "data"))
    runner = CliRunner()
    write_images(tmp_path / "images", per_class=2)
    assert runner.invoke(cli, ["import", str(tmp_path / "images"), "--name", "faces"]).exit_code == 0
    return runner


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A CSV that doubts the first cat."""
    paths = sorted(str(each.relative_to(tmp_path / "images")) for each in tmp_path.glob("images/*/*/*.png"))
    given = [CLASSES.index(path.split("/")[1]) for path in paths]
    values = np.eye(3)[given] * 0.7 + 0.1
    values[0] = [0.1, 0.8, 0.1]
    return as_csv(tmp_path / "mine.csv", values, ids=paths, head=("path", *CLASSES))


def test_it_says_how_many_images_are_ranked_and_the_scores_are_exported(
    shell: CliRunner, mine: Path, tmp_path: Path
) -> None:
    said = shell.invoke(cli, ["predictions", "import", "faces", str(mine), "--out-of-sample"])
    assert said.exit_code == 0
    assert (
        "Model 1 (run 1) of faces, your own model: 9 images of version 0 are ranked, 1 suspicious label."
        in said.output
    )
    assert "In sample" not in said.output
    out = tmp_path / "scores.csv"
    assert shell.invoke(cli, ["export", "faces", "--run", "1", "-o", str(out)]).exit_code == 0
    first = next(line for line in out.read_text().splitlines() if "train/cat/000.png" in line)
    assert ",0.10000000149011612,dog," in first


def test_predictions_in_sample_are_told(shell: CliRunner, mine: Path) -> None:
    said = shell.invoke(cli, ["predictions", "import", "faces", str(mine)])
    assert "Note: In sample: the model may have learnt these labels" in said.output


def test_an_array_takes_its_ids_and_classes_from_files(shell: CliRunner, mine: Path, tmp_path: Path) -> None:
    rows = [line.split(",") for line in mine.read_text().splitlines()[1:]]
    array = as_npy(tmp_path / "p.npy", np.array([row[:0:-1] for row in rows], dtype=np.float32))
    (tmp_path / "ids.csv").write_text("\n".join(row[0] for row in rows))
    (tmp_path / "classes.txt").write_text("\n".join(reversed(CLASSES)))
    asked = ["predictions", "import", "faces", str(array)]
    refused = shell.invoke(cli, asked)
    assert isinstance(refused.exception, Invalid)
    assert "(--ids ids.csv)" in str(refused.exception)
    more = ["--ids", str(tmp_path / "ids.csv"), "--classes", str(tmp_path / "classes.txt")]
    assert "9 images of version 0 are ranked, 1 suspicious label" in shell.invoke(cli, [*asked, *more]).output


def test_a_missing_row_needs_to_be_allowed(shell: CliRunner, mine: Path) -> None:
    mine.write_text("".join(mine.read_text().splitlines(keepends=True)[:-1]))
    asked = ["predictions", "import", "faces", str(mine)]
    assert "(--allow-missing)" in str(shell.invoke(cli, asked).exception)
    assert "8 images of version 0 are ranked" in shell.invoke(cli, [*asked, "--allow-missing"]).output


def test_an_unknown_data_set_is_told(shell: CliRunner, mine: Path) -> None:
    assert isinstance(shell.invoke(cli, ["predictions", "import", "pets", str(mine)]).exception, NotFound)


def test_the_lines_of_the_documentation_lead_from_pred_probs_to_the_deck_and_back(
    shell: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / "docs" / "own-model.md").read_text()
    there, back = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    known = {"features_of": lambda path: np.asarray(Image.open(tmp_path / "images" / path)).mean(axis=(0, 1))}
    assert shell.invoke(cli, ["export", "faces", "--format", "csv", "-o", "labels.csv"]).exit_code == 0
    exec(compile(there, "own-model.md", "exec"), known)  # noqa: S102 - our own lines
    said = shell.invoke(cli, ["predictions", "import", "faces", "probs.npz", "--out-of-sample"]).output
    assert "Model 1 (run 1) of faces, your own model: 9 images" in said
    asked = ["export", "faces", "--format", "cleanlab", "--run", "1", "-o", "run1.zip"]
    assert shell.invoke(cli, asked).exit_code == 0
    exec(compile(back, "own-model.md", "exec"), known)  # noqa: S102
    assert known["run"]["pred_probs"] == pytest.approx(known["pred_probs"], abs=1e-6)
    assert set(known["paths"]) <= set(known["table"].path)
