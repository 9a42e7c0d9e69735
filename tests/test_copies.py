"""A data set that a test gets as a copy is the one that the product's own functions make."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.db.engine import Database
from tests import factories
from tests.copies import read_rows

OWN = {"source", "random_key", "job_id"}  # what every data set has of its own, besides times


@pytest.fixture
def another(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    shutil.copy(sqlite_template, tmp_path / "another.db")
    opened = Database(f"sqlite:///{tmp_path / 'another.db'}")
    yield opened
    opened.close()


def rows_of(database: Database) -> dict[str, list[dict[str, Any]]]:
    with database.read() as session:
        found = read_rows(session.connection()).tables
    left_out = OWN | {"created_at", "started_at", "finished_at"}
    return {
        table.name: [
            {
                key: repr(value)
                for key, value in row.items()
                if key not in left_out and (table.name, key) != ("job", "id")
            }
            for row in rows
        ]
        for table, rows in found
    }


def test_a_copy_has_the_rows_and_the_files_of_what_it_copies(
    database: Database, another: Database, tmp_path: Path
) -> None:
    anew = factories.make_dataset_anew(another, tmp_path / "anew")
    factories._keep(another, ("faces", 6, 10), anew)
    assert factories.make_dataset(database, tmp_path / "copy") == anew
    assert rows_of(database) == rows_of(another)
    assert {"dataset", "label_class", "sample", "run", "prediction", "open_issue"} <= rows_of(database).keys()
    for path in anew.paths:
        assert (tmp_path / "copy" / path).read_bytes() == (tmp_path / "anew" / path).read_bytes()


def test_what_is_made_after_a_copy_gets_the_next_ids(database: Database, tmp_path: Path) -> None:
    first = factories.make_dataset(database, tmp_path / "first")
    second = factories.make_dataset(database, tmp_path / "second", name="more")
    assert (second.dataset_id, second.run_id) == (first.dataset_id + 1, first.run_id + 1)
    assert min(second.sample_ids) == max(first.sample_ids) + 1
