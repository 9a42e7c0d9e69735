"""What must hold before an answer becomes a decision."""

import pytest

from app.datasets.models import MissingFile
from app.db.engine import Database
from app.errors import Conflict, Invalid, NotFound
from tests.conftest import People
from tests.factories import Made
from tests.review.answers import answer, state


def test_an_image_whose_file_is_lost_can_only_be_deleted_and_what_was_recorded_before_stays(
    database: Database, made: Made, people: People
) -> None:
    ann, (first, second) = people.annotator.id, made.ranked[:2]
    before = answer(database, made, ann, first, "relabel", "owl", client_id="before")
    with database.write() as session:
        for sample, reason in ((first, "missing"), (second, "changed")):
            session.add(MissingFile(sample_id=sample, dataset_id=made.dataset_id, reason=reason))
    path = made.paths[made.sample_ids.index(second)]
    for verdict, label in (("keep", None), ("relabel", "owl")):
        with pytest.raises(Conflict, match=f"The file {path} has changed since it was imported.*delete"):
            answer(database, made, ann, second, verdict, label)
    assert state(database, second) is None
    assert answer(database, made, ann, first, "relabel", "owl", client_id="before") == before
    answer(database, made, ann, second, "delete")
    assert state(database, second) == ("delete", None)


def test_relabelling_to_the_given_label_is_keeping_it(database: Database, made: Made, people: People) -> None:
    answer(database, made, people.annotator.id, made.ranked[0], "relabel", "cat")
    assert state(database, made.ranked[0]) == ("keep", 0)


@pytest.mark.parametrize(
    ("verdict", "label", "words"),
    [
        ("destroy", None, "no verdict"),
        ("relabel", None, "needs the label"),
        ("relabel", "cow", "no class"),
        ("keep", "owl", "Only a relabel"),
    ],
)
def test_a_decision_that_makes_no_sense_is_refused_in_words(
    database: Database, made: Made, people: People, verdict: str, label: str | None, words: str
) -> None:
    with pytest.raises(Invalid, match=words):
        answer(database, made, people.annotator.id, made.ranked[0], verdict, label)


def test_a_sample_of_nowhere_is_refused(database: Database, made: Made, people: People) -> None:
    with pytest.raises(NotFound):
        answer(database, made, people.annotator.id, 999_999, "keep")
