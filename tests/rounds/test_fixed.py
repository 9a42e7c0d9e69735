"""The corrections that the picture at the end of a round shows."""

from pathlib import Path

import pytest

from app.datasets.gold import gold_ids
from app.db.engine import Database
from app.review.checks import Answer
from app.review.decisions import decide
from app.review.gold import draw_gold
from app.rounds.fixed import fixed_labels, take_turns
from tests.conftest import People
from tests.factories import Made, make_dataset


@pytest.fixture
def many(database: Database, tmp_path: Path) -> Made:
    """A data set of 120 images, 30 of them in the hold-out."""
    return make_dataset(database, tmp_path / "images", per_class=30, wrong=120)


def test_no_image_of_the_checked_test_set_is_in_the_picture(
    database: Database, many: Made, people: People
) -> None:
    with database.write() as session:
        draw_gold(session, dataset_id=many.dataset_id, size=20, looks=1)
        gold = [int(sample) for sample in gold_ids(session, dataset_id=many.dataset_id)]
    ordinary = next(sample for sample in many.ranked if sample not in gold)
    for sample in (*gold, ordinary):
        with database.write() as session:
            answer = Answer(sample_id=sample, verdict="delete", client_id=f"{sample}")
            decide(session, answer, dataset_id=many.dataset_id, user_id=people.annotator.id)
    with database.read() as session:
        fixed = fixed_labels(session, dataset_id=many.dataset_id, most=12)
        assert [each.sample.id for each in fixed] == [ordinary]


def test_a_few_of_every_kind_of_change_are_chosen() -> None:
    assert take_turns([[1, 2, 3], [4], [5, 6]], most=5) == [1, 4, 5, 2, 6]
    assert take_turns([], most=5) == []
