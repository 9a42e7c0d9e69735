"""The counters of a selection: a queue with a filter, or an audit."""

from sqlalchemy import select

from app.db.engine import Database
from app.deck.filters import Filter
from app.deck.queues import Queue
from app.deck.selection import SelectionProgress, selection_progress
from app.remaining.audits import start_audit
from app.review.models import AuditSample
from tests.conftest import People
from tests.deck.test_progress import answer
from tests.factories import Made


def counted(database: Database, made: Made, queue: Queue) -> SelectionProgress | None:
    with database.read() as session:
        return selection_progress(session, dataset_id=made.dataset_id, queue=queue)


def of_class(made: Made, name: str) -> list[int]:
    return [each for each in made.ranked[:10] if f"/{name}/" in made.paths[made.sample_ids.index(each)]]


def test_the_whole_review_has_no_counters_of_a_selection(database: Database, made: Made) -> None:
    for order in ("rank", "mixed", "loss"):
        assert counted(database, made, Queue(order=order)) is None
    assert counted(database, made, Queue(order="gold")) is None


def test_a_class_counts_its_own_label_issues_also_those_that_were_relabelled(
    database: Database, made: Made, people: People
) -> None:
    cats, dogs = of_class(made, "cat"), of_class(made, "dog")
    queue = Queue(Filter(label="cat"))
    assert counted(database, made, queue) == SelectionProgress(0, len(cats), 0)
    answer(database, made, people.annotator.id, cats[0], "relabel", "owl")
    answer(database, made, people.annotator.id, cats[1], "keep")
    answer(database, made, people.annotator.id, dogs[0], "delete")
    assert counted(database, made, queue) == SelectionProgress(2, len(cats) - 2, 1)
    assert counted(database, made, Queue(Filter(label="cat", state="open"))) == SelectionProgress(
        2, len(cats) - 2, 1
    )


def test_an_audit_counts_every_image_with_and_without_a_filter(
    database: Database, made: Made, people: People
) -> None:
    answer(database, made, people.annotator.id, of_class(made, "cat")[0], "delete")
    every, cats = len(made.sample_ids), sum("/cat/" in path for path in made.paths)
    assert counted(database, made, Queue(order="random")) == SelectionProgress(1, every - 1, 1)
    assert counted(database, made, Queue(Filter(given="cat"), "random")) == SelectionProgress(1, cats - 1, 1)


def test_an_audit_that_was_drawn_counts_its_own_images(
    database: Database, made: Made, people: People
) -> None:
    with database.write() as session:
        start_audit(session, dataset_id=made.dataset_id, user_id=people.annotator.id, size=20)
        drawn = list(session.scalars(select(AuditSample.sample_id)))
    assert len(drawn) == 20
    answer(database, made, people.annotator.id, drawn[0], "keep")
    answer(database, made, people.annotator.id, drawn[1], "delete")
    answer(database, made, people.annotator.id, (set(made.sample_ids) - set(drawn)).pop(), "delete")
    assert counted(database, made, Queue(order="random")) == SelectionProgress(2, 18, 1)
