"""Versions of a data set to export."""

from pathlib import Path

import pytest

from app.db.engine import Database
from tests.export.pets import imported, png, rank, review, write


@pytest.fixture
def given_labels(database: Database, tmp_path: Path) -> int:
    """Version 0 of three classes of four images each, with nasty class names."""
    files = {
        f"{folder}/{i}.png": png(k * 80 + i)
        for k, folder in enumerate(("=cat", "a%2Fb", "%63on"))
        for i in range(4)
    }
    return imported(database, write(tmp_path / "pets", files))


@pytest.fixture
def cleaned(database: Database, given_labels: int) -> int:
    """Version 1: a ranking was there, one sample relabelled, one deleted."""
    rank(database, given_labels, finished_ago=1)
    return review(database, {"=cat/0.png": "a/b", "=cat/1.png": None})
