"""Fixtures for the tests of what remains."""

from pathlib import Path

import pytest

from app.db.engine import Database
from tests.factories import Made, make_dataset


@pytest.fixture
def many(database: Database, tmp_path: Path) -> Made:
    """78 samples, of which the run doubts the labels of 30."""
    return make_dataset(database, tmp_path / "many", name="many", per_class=20, wrong=30)
