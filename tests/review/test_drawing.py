"""A draw of the gold part that states how many corrections it undoes."""

import uuid
from pathlib import Path

import pytest

from app.datasets.gold import get_gold_part
from app.db.engine import Database
from app.errors import Conflict
from app.review.checks import Answer
from app.review.decisions import decide
from app.review.drawing import Drawn, draw_counted
from app.review.gold import FEWEST
from tests.conftest import People
from tests.factories import Made, make_dataset


@pytest.fixture
def many(database: Database, people: People, tmp_path: Path) -> Made:
    """A hold-out of 30 images, all to be drawn: two were corrected and one was kept."""
    made = make_dataset(database, tmp_path / "images", per_class=30, wrong=30)
    held = [sample for sample, path in zip(made.sample_ids, made.paths, strict=True) if "valid/" in path]
    with database.write() as session:
        for sample, verdict in zip(held, ("delete", "delete", "keep"), strict=False):
            answer = Answer(sample_id=sample, verdict=verdict, client_id=str(uuid.uuid4()))
            decide(session, answer, dataset_id=made.dataset_id, user_id=people.annotator.id)
    return made


def draw(database: Database, made: Made, expected: int | None) -> Drawn:
    with database.write() as session:
        return draw_counted(session, dataset_id=made.dataset_id, size=30, expected=expected)


def test_a_draw_counts_the_decisions_and_the_corrections_that_it_undoes(
    database: Database, many: Made
) -> None:
    assert FEWEST <= 30
    with pytest.raises(Conflict, match="2 corrections, not 1"):
        draw(database, many, expected=1)
    with database.read() as session:
        assert get_gold_part(session, dataset_id=many.dataset_id) is None
    drawn = draw(database, many, expected=2)
    assert (drawn.decided, drawn.corrections, drawn.people) == (3, 2, 3)
    assert drawn.part.size == 30
