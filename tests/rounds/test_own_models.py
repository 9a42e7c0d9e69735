"""A file of predictions becomes a run that ranks, is reviewed and compared, on both databases."""

from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import func, select

from app.datasets.models import DatasetVersion
from app.db.engine import Database
from app.errors import Conflict, Invalid
from app.measuring.best import choose_best
from app.measuring.comparison import compare
from app.ranking.models import Prediction
from app.ranking.rankings import opinions, top_losses
from app.review.checks import Answer
from app.review.decisions import decide
from app.review.models import OpenIssue
from app.rounds.own_models import Imported, PredictionFile, import_predictions
from app.rounds.retraining import retrain
from app.settings import Settings
from app.training.models import Run
from app.training.requesting import resume_run
from app.training.runs import current_ranking, finished_run
from tests.conftest import People
from tests.factories import CLASSES, Made, make_first_look, make_run
from tests.ranking.prediction_files import as_npz


def probabilities(made: Made, *, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(len(CLASSES)), len(made.paths)).astype(np.float32)


def given(made: Made) -> np.ndarray:
    return np.array([CLASSES.index(path.split("/")[1]) for path in made.paths])


@pytest.fixture
def bring(database: Database, settings: Settings, made: Made, tmp_path: Path):
    """Import predictions of the images of `made`."""

    def import_(values: np.ndarray, *, paths=made.paths, out_of_sample=True, allow_missing=False) -> Imported:
        path = as_npz(tmp_path / "mine.npz", values, ids=paths, classes=CLASSES)
        file = PredictionFile(path, path.name, out_of_sample, allow_missing)
        return import_predictions(database, dataset_id=made.dataset_id, file=file, folder=settings.runs_dir)

    return import_


def test_it_ranks_by_the_probability_of_the_given_label(database: Database, made: Made, bring) -> None:
    values = probabilities(made)
    imported = bring(values)
    own = values[np.arange(len(values)), given(made)]
    with database.read() as session:
        found = top_losses(session, run_id=imported.run_id, limit=100)
        run = session.get_one(Run, imported.run_id)
        assert (run.kind, run.state, run.job_id, run.note) == ("own model", "finished", None, "")
        now = current_ranking(session, dataset_id=made.dataset_id)
        assert now is not None
        assert (now.run_id, now.label_issues) == (imported.run_id, imported.label_issues)
        opened = session.scalar(select(func.count()).where(OpenIssue.run_id == imported.run_id))
    assert [each.path for each in found] == [made.paths[i] for i in np.argsort(own, kind="stable")]
    assert [each.self_confidence for each in found] == pytest.approx(sorted(own.tolist()), abs=0)
    errors = [each.error_probability for each in found]
    assert errors == sorted(errors, reverse=True)
    assert 0 < errors[-1] <= errors[0] <= 1
    assert imported.rows == len(made.paths)
    doubted = [each for each in found if each.predicted_label != each.label or each.error_probability >= 0.25]
    assert opened == imported.label_issues == len(doubted)


def test_the_newest_of_trainings_and_own_models_is_reviewed(database: Database, made: Made, bring) -> None:
    first = bring(probabilities(made))
    make_first_look(database, made.dataset_id, made.version_id)
    with database.read() as session:
        assert current_ranking(session, dataset_id=made.dataset_id).run_id == first.run_id
    trained = make_run(database, made.dataset_id, made.version_id, seed=5)
    with database.read() as session:
        assert current_ranking(session, dataset_id=made.dataset_id).run_id == trained
    second = bring(probabilities(made, seed=1))
    with database.read() as session:
        assert current_ranking(session, dataset_id=made.dataset_id).run_id == second.run_id


def test_it_has_no_network_to_train_further_or_to_predict_with(database: Database, made: Made, bring) -> None:
    own = bring(probabilities(made)).run_id
    with database.write() as session:
        best = choose_best(session, dataset_id=made.dataset_id)
        assert best is not None
        assert best.run.id == made.run_id
        with pytest.raises(Conflict, match=f"Model {own} is an own model: its predictions are here"):
            finished_run(session, run_id=own)
        with pytest.raises(Conflict, match=f"Model {own} is an own model: its predictions are here"):
            retrain(session, dataset_id=made.dataset_id, user_id=None, weights="none", parent_id=own)
        session.get_one(Run, own).state = "failed"
        session.flush()
        with pytest.raises(Conflict, match="import its file of predictions again"):
            resume_run(session, run_id=own, user_id=None)


def test_it_is_compared_with_a_training(database: Database, made: Made, bring) -> None:
    own = bring(np.eye(3, dtype=np.float32)[given(made)] * 0.85 + 0.05).run_id
    with database.read() as session:
        found = compare(session, dataset_id=made.dataset_id, old_id=made.run_id, new_id=own)
    assert (found.new.recipe, found.new.epochs) == ("own model", 0)
    assert found.reviewed.new.error_rate.value == 0


def test_out_of_sample_is_kept_for_each_image_and_in_sample_is_said(
    database: Database, made: Made, bring
) -> None:
    outside, within = bring(probabilities(made)), bring(probabilities(made), out_of_sample=False)
    with database.read() as session:
        for sample_id in (made.sample_ids[0], made.sample_ids[-1]):  # in both parts
            said = {each.run_id: each.out_of_sample for each in opinions(session, sample_id=sample_id)}
            assert said[outside.run_id]
            assert not said[within.run_id]
        assert session.get_one(Run, within.run_id).note.startswith("In sample: the model may have learnt")
    assert outside.notes == ()


def test_images_without_a_row_are_refused_unless_that_is_said(database: Database, made: Made, bring) -> None:
    values, paths = probabilities(made)[2:], made.paths[2:]
    with pytest.raises(Invalid, match=f"2 of 24 images have no row, such as “{made.paths[0]}” and"):
        bring(values, paths=paths)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Run)) == 1
    imported = bring(values, paths=paths, allow_missing=True)
    assert imported.rows == 22
    assert "they are not in the ranking" in imported.notes[0]
    with database.read() as session:
        said = opinions(session, sample_id=made.sample_ids[-1])[-1]
        assert (said.run_id, said.ranked) == (imported.run_id, 22)


def test_deleted_images_are_left_out_and_labels_are_those_as_they_stand(
    database: Database, made: Made, people: People, bring
) -> None:
    gone, moved = made.ranked[0], made.ranked[1]
    with database.write() as session:
        for sample_id, verdict, label in ((gone, "delete", None), (moved, "relabel", "owl")):
            answer = Answer(sample_id=sample_id, verdict=verdict, label=label, client_id=f"of {sample_id}")
            decide(session, answer, dataset_id=made.dataset_id, user_id=people.annotator.id)
    imported = bring(probabilities(made))
    assert imported.version == 1
    assert imported.rows == 23
    assert "1 row is of deleted images; left out." in imported.notes
    with database.read() as session:
        labels = dict(
            session.execute(
                select(Prediction.sample_id, Prediction.label).where(Prediction.run_id == imported.run_id)
            ).all()
        )
    assert gone not in labels
    assert labels[moved] == 2


def test_a_refused_file_freezes_nothing(database: Database, made: Made, people: People, bring) -> None:
    with database.write() as session:
        answer = Answer(sample_id=made.ranked[0], verdict="delete", client_id="one")
        decide(session, answer, dataset_id=made.dataset_id, user_id=people.annotator.id)
    with pytest.raises(Invalid):
        bring(probabilities(made)[:5], paths=made.paths[:5])
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(DatasetVersion)) == 1


def test_columns_in_another_order_are_noticed(made: Made, bring) -> None:
    turned = np.eye(3, dtype=np.float32)[(given(made) + 1) % 3] * 0.85 + 0.05
    assert "Only 0.0 % of the predicted classes are the given ones" in bring(turned).notes[0]


def test_an_import_that_is_killed_leaves_a_run_that_says_so_and_changes_no_worklist(
    database: Database, made: Made, bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("app.rounds.own_models.stage_ranking", killed)
    with pytest.raises(KeyboardInterrupt):
        bring(probabilities(made))
    with database.read() as session:
        run = session.scalars(select(Run).order_by(Run.id.desc())).first()
        assert (run.state, run.note) == (
            "failed",
            "The import of these predictions was interrupted; import the file again.",
        )
        assert current_ranking(session, dataset_id=made.dataset_id).run_id == made.run_id
