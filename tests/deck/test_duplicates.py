"""Groups of images that are the same, or look so, under different labels."""

import pytest
from sqlalchemy import update

from app.datasets.models import Sample
from app.db.engine import Database
from app.deck.duplicates import Twins, recommended, resolve, torn_groups, undo_resolve
from app.deck.filters import Tile
from app.errors import Conflict, Invalid
from app.review.models import SampleReview
from tests.conftest import People
from tests.factories import Made

PATHS = (
    "train/cat/000.png",
    "train/dog/000.png",
    "valid/owl/000.png",
    "train/cat/001.png",
    "train/cat/002.png",
)


@pytest.fixture
def torn(database: Database, made: Made) -> tuple[int, int, int]:
    """A cat and a dog of one file, an owl of the hold-out that looks like them; two cats of one file."""
    cat, dog, owl, *cats = (made.sample_ids[made.paths.index(path)] for path in PATHS)
    with database.write() as session:
        session.execute(update(Sample).where(Sample.id.in_((cat, dog))).values(sha256="a" * 64))
        session.execute(update(Sample).where(Sample.id.in_((cat, dog, owl))).values(lookalikes=cat))
        session.execute(update(Sample).where(Sample.id.in_(cats)).values(sha256="b" * 64))
    return cat, dog, owl


def groups(database: Database, made: Made) -> list[Twins]:
    with database.read() as session:
        return torn_groups(session, dataset_id=made.dataset_id)


def answer(
    database: Database, made: Made, user_id: int, samples: list[int], verdict: str, label: str | None = None
) -> int:
    with database.write() as session:
        return resolve(
            session,
            dataset_id=made.dataset_id,
            user_id=user_id,
            sample_ids=samples,
            verdict=verdict,
            label=label,
            client_id="one",
        )


def test_copies_with_different_labels_are_a_group_and_copies_with_one_label_are_none(
    database: Database, made: Made, torn: tuple[int, int, int]
) -> None:
    [found] = groups(database, made)
    assert tuple(tile.sample_id for tile in found.tiles) == tuple(sorted(torn))
    assert found.labels == ("cat", "dog", "owl")
    assert found.splits == ("train", "valid")
    assert (found.identical, found.looked_at) == (False, False)


def test_one_answer_for_the_group_gives_each_member_a_decision_and_one_undo_undoes_all(
    database: Database, made: Made, people: People, torn: tuple[int, int, int]
) -> None:
    ann = people.annotator.id
    for _ in range(2):  # the same client id again is the same answer
        assert answer(database, made, ann, [*torn, torn[0]], "relabel", "dog") == 3
    assert groups(database, made) == []
    with database.write() as session:
        me = {"dataset_id": made.dataset_id, "client_id": "one"}
        with pytest.raises(Conflict, match="nothing to"):
            undo_resolve(session, user_id=people.other.id, **me)
        assert undo_resolve(session, user_id=ann, **me) == 3
        assert session.query(SampleReview).count() == 0
    assert len(groups(database, made)) == 1


def test_a_group_that_was_kept_as_it_is_comes_last_and_counts_as_looked_at(
    database: Database, made: Made, people: People, torn: tuple[int, int, int]
) -> None:
    answer(database, made, people.annotator.id, list(torn), "keep")
    other = made.sample_ids[made.paths.index("train/dog/001.png")]
    with database.write() as session:
        session.execute(update(Sample).where(Sample.id == other).values(sha256="b" * 64))
    assert [found.looked_at for found in groups(database, made)] == [False, True]


def test_an_answer_that_a_group_cannot_get_is_refused(database: Database, made: Made, people: People) -> None:
    for number, verdict, words in (
        (0, "keep", "1 to 200"),
        (201, "keep", "1 to 200"),
        (2, "unsure", "Choose a class for the whole group"),
    ):
        with pytest.raises(Invalid, match=words):
            answer(database, made, people.annotator.id, list(range(1, number + 1)), verdict)


def test_the_label_that_the_model_gives_most_to_over_all_images_is_recommended() -> None:
    def tile(label: str | None, predicted: str | None, confidence: float | None) -> Tile:
        return Tile(1, "a.png", 8, 8, "cat", label, None, False, predicted, confidence, 1)

    two = (tile("cat", "dog", 0.5), tile("dog", "cat", 0.9), tile("owl", "dog", 0.6))
    assert recommended(two) == "dog"
    assert recommended((tile("cat", "owl", 0.9), tile("dog", None, None))) is None
    assert recommended((tile(None, "cat", 0.9), tile("dog", "dog", 0.2))) == "dog"
