"""What choosing hold-out images by a model does to a measured error."""

import uuid

import pytest

from app.datasets.versions import get_version
from app.db.engine import Database
from app.measuring.hold_out import hold_out, predicted
from app.measuring.selection import Selection, selection
from app.review.checks import Answer
from app.review.decisions import decide
from app.rounds.retraining import freeze_labels
from tests.conftest import People
from tests.factories import Made


def some(*, relabelled: int, deleted: int) -> Selection:
    n = relabelled + deleted
    return Selection(n, n, 0, relabelled, deleted, None, None, None, None)


@pytest.mark.parametrize(
    ("relabelled", "deleted", "flatters"),
    [(0, 0, False), (1, 0, True), (0, 1, True), (1, 1, True), (1, 3, True)],
)
def test_a_changed_label_that_a_model_pointed_at_flatters_whichever_the_change(
    relabelled: int, deleted: int, flatters: bool
) -> None:
    assert some(relabelled=relabelled, deleted=deleted).flatters is flatters


def test_only_what_no_audit_looked_at_counts_as_chosen_by_a_model(
    database: Database, made: Made, people: People
) -> None:
    held = [
        sample for sample, path in zip(made.sample_ids, made.paths, strict=True) if path.startswith("valid/")
    ]
    answers = [
        (held[0], "relabel", "owl", "deck"),
        (held[1], "delete", None, "deck"),
        (held[2], "delete", None, "audit"),
        (held[3], "keep", None, "deck"),
    ]
    with database.write() as session:
        for sample, verdict, label, origin in answers:
            decide(
                session,
                Answer(
                    sample_id=sample, verdict=verdict, label=label, client_id=str(uuid.uuid4()), origin=origin
                ),
                dataset_id=made.dataset_id,
                user_id=people.annotator.id,
            )
        frozen, _ = freeze_labels(session, dataset_id=made.dataset_id)
    with database.read() as session:
        version = get_version(session, dataset_id=made.dataset_id, number=frozen.number)
        labels = hold_out(session, dataset_id=made.dataset_id, version_id=version.id)
        said = predicted(session, run_id=made.run_id, ids=labels.ids)
        found = selection(session, version=version, held=labels, said=said)
    assert (found.reviewed, found.by_model, found.at_random) == (4, 3, 1)
    assert (found.relabelled, found.deleted, found.flatters) == (1, 1, True)
    rates = (found.given, found.after_relabels, found.after_deletions, found.deleted_are_wrong)
    assert [(rate.wrong, rate.n) for rate in rates if rate] == [(0, 6), (1, 6), (1, 5), (2, 6)]
