"""The hold-out as arrays: labels of a version, predictions of runs."""

import uuid

import numpy as np

from app.datasets.versions import DELETED
from app.db.engine import Database
from app.measuring.hold_out import UNKNOWN, hold_out, predicted
from app.review.checks import Answer
from app.review.decisions import decide
from app.rounds.retraining import freeze_labels
from tests.conftest import People
from tests.factories import Made


def test_every_image_of_the_hold_out_has_its_given_label_and_that_of_the_version(
    database: Database, made: Made, people: People
) -> None:
    held = [sample for sample, path in zip(made.sample_ids, made.paths, strict=True) if "valid/" in path]
    with database.write() as session:
        for sample, verdict, label in ((held[0], "relabel", "owl"), (held[1], "delete", None)):
            answer = Answer(sample_id=sample, verdict=verdict, label=label, client_id=str(uuid.uuid4()))
            decide(session, answer, dataset_id=made.dataset_id, user_id=people.annotator.id)
        frozen, _ = freeze_labels(session, dataset_id=made.dataset_id)
    with database.read() as session:
        before = hold_out(session, dataset_id=made.dataset_id, version_id=made.version_id)
        after = hold_out(session, dataset_id=made.dataset_id, version_id=frozen.id)
    assert before.ids.tolist() == after.ids.tolist() == sorted(held)
    assert before.given.tolist() == after.given.tolist() == before.reviewed.tolist() == [0, 0, 1, 1, 2, 2]
    assert after.reviewed.tolist() == [2, DELETED, 1, 1, 2, 2]


def test_a_run_says_nothing_of_training_images_and_of_images_that_it_has_not_got(
    database: Database, made: Made
) -> None:
    with database.read() as session:
        held = hold_out(session, dataset_id=made.dataset_id, version_id=made.version_id).ids
        said = predicted(session, run_id=made.run_id, ids=np.array([0, *made.sample_ids, 10**6]))
        nothing = predicted(session, run_id=made.run_id + 1, ids=held)
        no_hold_out = hold_out(session, dataset_id=made.dataset_id + 1, version_id=made.version_id)
    known = dict(zip([0, *made.sample_ids, 10**6], said.tolist(), strict=True))
    assert {sample for sample, label in known.items() if label != UNKNOWN} == set(held.tolist())
    assert [known[sample] for sample in held.tolist()] == [0, 0, 1, 1, 2, 2]
    assert nothing.tolist() == [UNKNOWN] * len(held)
    assert no_hold_out.ids.tolist() == []
