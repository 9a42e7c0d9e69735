"""Starts that are killed while they make or upgrade the database: the short form of `make kills`."""

import subprocess
import sys
from pathlib import Path

import pytest

from app.db.migrating import all_revisions

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_start_that_is_killed_while_it_upgrades_can_be_repeated_and_loses_nothing(
    kind: str, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue("postgres_server") if kind == "postgresql" else ""
    revisions = ["none", "0003", all_revisions()[-2]] if kind == "sqlite" else ["none", "0003"]
    what = ["--kills", "6", "--database", kind, "--postgres", server, "--revisions", *revisions]
    done = subprocess.run(
        [sys.executable, "benchmarks/kills.py", *what],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "6" in [line.split()[2] for line in done.stdout.splitlines() if line.startswith("all")]
