"""How far the review is: counts, the table of classes, and what the next version changes."""

import uuid

from sqlalchemy.orm import Session

from app.db.engine import Database
from app.deck.progress import label_table, pending_changes, review_progress
from app.deck.queues import Queue
from app.review.checks import Answer
from app.review.decisions import decide
from tests.conftest import People
from tests.factories import Made

MIXED = Queue(order="mixed")


def answer(
    database: Database, made: Made, user_id: int, sample: int, verdict: str, label: str | None = None
) -> int:
    with database.write() as session:
        return decide(
            session,
            Answer(
                sample_id=sample,
                verdict=verdict,
                label=label,
                client_id=str(uuid.uuid4()),
                milliseconds=2000,
            ),
            dataset_id=made.dataset_id,
            user_id=user_id,
        )[0].id


def test_progress_counts_what_was_found_and_what_remains(
    database: Database, made: Made, people: People
) -> None:
    for sample, verdict in zip(made.ranked, ("delete", "keep", "keep", "unsure"), strict=False):
        answer(database, made, people.annotator.id, sample, verdict)
    with database.read() as session:
        progress = review_progress(session, dataset_id=made.dataset_id, user_id=people.annotator.id)
        everybody = review_progress(session, dataset_id=made.dataset_id)
    assert (progress.label_issues, progress.remaining, progress.reviewed, progress.found, progress.mine) == (
        10,
        6,
        4,
        1,
        4,
    )
    assert (progress.hit_rate, progress.seconds_per_decision) == (0.25, 2.0)
    assert everybody.remaining == 7  # the unsure one waits for somebody else


def test_the_class_table_shows_given_and_cleaned_side_by_side(
    database: Database, made: Made, people: People
) -> None:
    train = [sample for sample in made.ranked if "train/cat" in made.paths[made.sample_ids.index(sample)]]
    answer(database, made, people.annotator.id, train[0], "relabel", "owl")
    answer(database, made, people.annotator.id, train[1], "delete")
    with database.read() as session:
        cat, dog, owl = label_table(session, dataset_id=made.dataset_id)
        pending = pending_changes(session, dataset_id=made.dataset_id)
    assert (cat.given["train"], cat.cleaned["train"]) == (6, 4)
    assert (dog.given, dog.cleaned) == ({"train": 6, "valid": 2}, {"train": 6, "valid": 2})
    assert (owl.given["train"], owl.cleaned["train"]) == (6, 7)
    assert (pending.relabelled, pending.deleted, pending.since_version) == (1, 1, 2)
    assert {(flow.source, flow.target, flow.count) for flow in pending.flows} == {
        ("cat", "owl", 1),
        ("cat", None, 1),
    }


def test_cards_that_come_by_chance_do_not_count_for_the_hit_rate(
    database: Database, made: Made, people: People
) -> None:
    me = {"dataset_id": made.dataset_id, "user_id": people.annotator.id}

    def answer(session: Session, sample: int, verdict: str) -> None:
        decide(
            session,
            Answer(
                sample_id=sample,
                verdict=verdict,
                milliseconds=2000,
                client_id=str(uuid.uuid4()),
                origin=MIXED.origin,
            ),
            **me,
        )

    for sample, verdict in (
        (made.ranked[0], "delete"),
        (made.ranked[1], "keep"),
        (made.ranked[-1], "keep"),
        (made.ranked[-2], "keep"),
    ):
        database.write_in_group(lambda s, i=sample, v=verdict: answer(s, i, v)).result()
        seen = database.write_in_group(lambda s: review_progress(s, dataset_id=made.dataset_id)).result()
    assert (seen.reviewed, seen.hit_rate) == (4, 0.5)
    with database.read() as session:
        assert review_progress(session, dataset_id=made.dataset_id) == seen


def test_a_part_of_a_class_that_lost_every_image_is_not_counted_with_none(
    database: Database, made: Made, people: People
) -> None:
    for sample_id, path in zip(made.sample_ids, made.paths, strict=True):
        if path.startswith("valid/owl"):
            answer(database, made, people.annotator.id, sample_id, "delete")
    with database.read() as session:
        owl = label_table(session, dataset_id=made.dataset_id)[2]
    assert (owl.given, owl.cleaned) == ({"train": 6, "valid": 2}, {"train": 6})
