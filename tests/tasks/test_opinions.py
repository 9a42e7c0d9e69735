"""Whose opinions count in a ranking, and where they say nothing."""

from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import update

from app.datasets.versions import labels_of
from app.db.engine import Database
from app.ranking.models import UNJUDGED, Prediction
from app.tasks.opinions import read_opinion, source_of, sources_beside
from app.training.folds import WHOLE
from app.training.models import Run
from tests.factories import Made, make_dataset, make_first_look, make_run


@pytest.fixture
def made(database: Database, tmp_path: Path) -> Made:
    return make_dataset(database, tmp_path / "images", wrong=5)


def test_a_retrain_listens_to_its_parent_and_to_the_newest_first_look(database: Database, made: Made) -> None:
    make_first_look(database, made.dataset_id, made.version_id)
    newest = make_first_look(database, made.dataset_id, made.version_id)
    child = make_run(database, made.dataset_id, made.version_id, parent_id=made.run_id, seed=3)
    with database.read() as session:
        runs = {run_id: session.get_one(Run, run_id) for run_id in (made.run_id, newest, child)}
        assert sources_beside(session, runs[child]) == (("parent", made.run_id), ("first look", newest))
        assert sources_beside(session, runs[made.run_id]) == (("first look", newest),)
        assert sources_beside(session, runs[newest]) == ()
        assert source_of(runs[newest]) == ("first look", newest)
        assert source_of(runs[child]) == ("along the training", child)


def test_a_run_says_nothing_of_labels_whose_class_it_had_no_image_of(database: Database, made: Made) -> None:
    with database.read() as session:
        samples = labels_of(session, version_id=made.version_id)
        labels = samples.labels.copy()
        labels[::5] = 3  # a class that was added since
        said = read_opinion(
            session, ("first look", made.run_id), sample_ids=samples.sample_ids, labels=labels, classes=4
        )
    silent = np.isnan(said.log_probs).all(axis=1)
    assert np.array_equal(silent, labels == 3)


def test_a_network_has_learnt_the_training_part_but_what_a_fold_kept_from_it(
    database: Database, made: Made
) -> None:
    with database.write() as session:
        samples = labels_of(session, version_id=made.version_id)
        train = samples.sample_ids[np.array(samples.splits) == "train"]
        whole = [*train[:3].tolist(), *samples.sample_ids[np.array(samples.splits) == "valid"].tolist()]
        session.execute(
            update(Prediction)
            .where(Prediction.run_id == made.run_id, Prediction.sample_id.in_(whole))
            .values(fold=WHOLE)
        )
    with database.read() as session:
        said, look = (
            read_opinion(session, source, sample_ids=samples.sample_ids, labels=samples.labels, classes=3)
            for source in (source_of(session.get_one(Run, made.run_id)), ("first look", made.run_id))
        )
    assert said.title == "Network"
    assert samples.sample_ids[said.learnt].tolist() == train[:3].tolist()
    assert look.learnt is None  # its folds keep every label from what judges it


def test_a_class_that_was_added_after_a_training_began_is_no_class_of_what_it_hears(
    database: Database, made: Made
) -> None:
    with database.read() as session:
        samples = labels_of(session, version_id=made.version_id)
        rows = np.flatnonzero(samples.labels < 2)
        said = read_opinion(
            session,
            ("first look", made.run_id),  # which knows three classes
            sample_ids=samples.sample_ids[rows],
            labels=samples.labels[rows],
            classes=2,
        )
    assert said.log_probs.shape == (len(rows), 2)
    assert not np.isnan(said.log_probs).any()


def test_a_run_says_nothing_of_labels_whose_class_it_could_not_judge(database: Database, made: Made) -> None:
    with database.write() as session:
        session.execute(
            update(Prediction)
            .where(Prediction.run_id == made.run_id, Prediction.label == 2)
            .values(label_quality=UNJUDGED)
        )
    with database.read() as session:
        samples = labels_of(session, version_id=made.version_id)
        said = read_opinion(
            session,
            ("first look", made.run_id),
            sample_ids=samples.sample_ids,
            labels=samples.labels,
            classes=3,
        )
    silent = np.isnan(said.log_probs).all(axis=1)
    assert np.array_equal(silent, samples.labels == 2)
