"""Kills, annotators beside a training, hostile inputs and backups: the short form of `make endurance`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SIZES = (
    *("--kills", "10", "--inputs", "30", "--zips", "3", "--backups", "1", "--samples", "500"),
    *("--people", "4", "--minutes", "0.2", "--pause", "0.2", "--rounds", "0"),  # no timing is a test
)


@pytest.mark.parametrize("part", ["kills", "hostile", "backups", "crowd"])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_was_acknowledged_is_there_after_everything(
    kind: str, part: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if kind == "postgresql":
        request.getfixturevalue("postgres_server")  # skips where there is none
    what = ["--parts", part, "--database", kind, "--output", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.endurance", *what, *SIZES],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    parts = json.loads((tmp_path / "endurance.json").read_text())["parts"]
    assert all(each["problems"] == [] and each["database"] == kind for each in parts)
    counted = ("kills", "inputs", "backups", "decisions acknowledged")
    assert all(any(each["figures"].get(name, 0) > 0 for name in counted) for each in parts)
