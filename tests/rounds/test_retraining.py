"""Freezing and retraining, also when two admins press the button at once."""

import threading
from collections.abc import Callable

import pytest

from app.datasets.versions import labels_of, list_versions
from app.db.engine import Database
from app.errors import Conflict, NotFound
from app.review.undoing import undo_last
from app.rounds.retraining import Retrain, freeze_labels, retrain
from app.training.runs import list_runs
from tests.conftest import People
from tests.factories import Made, make_run
from tests.rounds.answers import answer


def freeze(database: Database, made: Made) -> tuple[int, bool]:
    with database.write() as session:
        version, is_new = freeze_labels(session, dataset_id=made.dataset_id)
        return version.number, is_new


def press(database: Database, made: Made) -> Retrain:
    with database.write() as session:
        return retrain(session, dataset_id=made.dataset_id, user_id=None, weights="none")


def at_once(*actions: Callable[[], object]) -> list[object]:
    outcomes: list[object] = []

    def run(action: Callable[[], object]) -> None:
        try:
            outcomes.append(action())
        except Exception as error:  # noqa: BLE001 - the test looks at it
            outcomes.append(error)

    threads = [threading.Thread(target=run, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def test_a_version_holds_the_labels_as_they_stood_whatever_comes_later(
    database: Database, made: Made, people: People
) -> None:
    answer(database, made, people.annotator.id, made.ranked[0], "relabel", "owl")
    answer(database, made, people.annotator.id, made.ranked[1], "delete")
    assert freeze(database, made) == (1, True)
    answer(database, made, people.annotator.id, made.ranked[2], "delete")
    with database.read() as session:
        version = list_versions(session, dataset_id=made.dataset_id)[1]
        samples = labels_of(session, version_id=version.id)
    labels = dict(zip(map(int, samples.sample_ids), map(int, samples.labels), strict=True))
    assert labels[made.ranked[0]] == 2
    assert made.ranked[1] not in labels
    assert made.ranked[2] in labels
    assert (version.samples, version.relabelled, version.deleted) == (23, 1, 1)


def test_keeping_and_undoing_change_no_version(database: Database, made: Made, people: People) -> None:
    answer(database, made, people.annotator.id, made.ranked[0], "keep")
    answer(database, made, people.annotator.id, made.ranked[1], "delete")
    with database.write() as session:
        undo_last(session, dataset_id=made.dataset_id, user_id=people.annotator.id)
    assert freeze(database, made) == (0, False)


def test_going_back_to_old_labels_is_going_back_to_the_old_version(
    database: Database, made: Made, people: People
) -> None:
    answer(database, made, people.annotator.id, made.ranked[0], "delete")
    assert freeze(database, made) == (1, True)
    answer(database, made, people.annotator.id, made.ranked[0], "keep")
    assert freeze(database, made) == (0, False)


def test_two_freezes_at_once_make_one_version(database: Database, made: Made, people: People) -> None:
    answer(database, made, people.annotator.id, made.ranked[0], "delete")
    outcomes = at_once(*[lambda: freeze(database, made)] * 4)
    assert sorted(outcomes, key=str) == [(1, False)] * 3 + [(1, True)]


def test_a_double_click_on_retrain_asks_for_one_run(database: Database, made: Made, people: People) -> None:
    answer(database, made, people.annotator.id, made.ranked[0], "delete")
    outcomes = at_once(*[lambda: press(database, made)] * 4)
    assert sum(isinstance(outcome, Retrain) for outcome in outcomes) == 1, outcomes
    assert all(isinstance(outcome, Retrain | Conflict) for outcome in outcomes), outcomes
    with database.read() as session:
        assert len(list_runs(session, dataset_id=made.dataset_id)) == 2


def test_a_retrain_without_changes_says_so(database: Database, made: Made) -> None:
    outcome = press(database, made)
    assert (outcome.nothing_changed, outcome.version.number, outcome.parent_id) == (True, 0, made.run_id)
    with pytest.raises(Conflict, match="already queued"):
        press(database, made)


def test_a_retrain_goes_on_from_the_run_that_was_named(database: Database, made: Made) -> None:
    worse = make_run(database, made.dataset_id, made.version_id, wrong=20, seed=1)
    with database.write() as session:
        assert (
            retrain(session, dataset_id=made.dataset_id, user_id=None, weights="none").parent_id
            == made.run_id
        )
    with database.write() as session:
        outcome = retrain(session, dataset_id=made.dataset_id, user_id=None, weights="none", parent_id=worse)
        assert outcome.run.parent_id == worse
    for unfit, why in ((outcome.run.id, Conflict), (10**6, NotFound)):
        with pytest.raises(why), database.write() as session:
            retrain(session, dataset_id=made.dataset_id, user_id=None, weights="none", parent_id=unfit)
