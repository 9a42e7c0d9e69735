"""What the page of an export shows before a download."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app.datasets.gold import gold_ids
from app.datasets.models import Sample
from app.db.engine import Database
from app.export.formats import FORMATS
from app.export.preview import ROWS, estimated_sizes, first_rows
from app.review.gold import draw_gold
from tests.factories import make_dataset


def test_images_of_the_checked_test_set_are_not_among_the_first_rows(
    database: Database, tmp_path: Path
) -> None:
    made = make_dataset(database, tmp_path / "many", per_class=60)
    with database.write() as session:
        draw_gold(session, dataset_id=made.dataset_id, size=60, seed=0, looks=2)
        hidden = {session.get_one(Sample, int(each)).path for each in gold_ids(session, dataset_id=1)}
        for sample in session.query(Sample).where(Sample.split == "valid"):  # so that these come first
            sample.path = f"a/{sample.path}"
    with database.read() as session:
        rows = first_rows(session, dataset_id=made.dataset_id)
    assert len(rows) == ROWS
    assert not hidden & {row.path.removeprefix("a/") for row in rows}


@pytest.mark.parametrize("name", FORMATS)
def test_the_estimated_size_is_near_that_of_the_file(
    name: str, api: dict[str, TestClient], database: Database, tmp_path: Path
) -> None:
    made = make_dataset(database, tmp_path / "images", per_class=120)
    with database.read() as session:
        estimated = estimated_sizes(session, dataset_id=made.dataset_id)[name]
    answer = api["ann"].get(f"/api/v1/datasets/faces/export?format={name}&run={made.run_id}")
    assert answer.status_code == 200, answer.text
    assert len(answer.content) / 3 < estimated < len(answer.content) * 3
