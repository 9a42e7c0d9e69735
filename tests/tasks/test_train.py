"""The training job, with real trainings of a few tiny images."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from app.datasets.catalog import class_names
from app.datasets.gold import gold_ids
from app.datasets.models import LabelClass
from app.datasets.versions import latest_version
from app.db.engine import Database
from app.errors import Cancelled
from app.jobs.engine import JobContext
from app.jobs.models import Job
from app.measuring.evaluations import evaluate_run
from app.ml.recipes import LITE, RECIPES, Phase, Recipe
from app.ranking.embeddings import read_embedding
from app.ranking.models import Prediction, StagedPrediction
from app.review.gold import draw_gold
from app.review.models import OpenIssue
from app.rounds.movement import count_movement, movement_of
from app.settings import Settings
from app.tasks import train
from app.tasks.machine import code_digest
from app.tasks.plan import make_plan
from app.tasks.ranking import is_early, rank
from app.training.folds import WHOLE
from app.training.models import Run
from app.training.pace import seconds_of
from app.training.requesting import request_run, resume_run
from app.training.runs import current_ranking, get_run, newest_ranked
from tests.factories import import_folder, make_first_look, write_images

TINY = replace(
    RECIPES["quick"],
    image_size=32,
    batch_size=8,
    phases=(Phase(epochs=3, frozen=False, lr_min=2e-3, lr_max=2e-3),),
    fine_tune_phases=(Phase(epochs=1, frozen=False, lr_min=1e-3, lr_max=1e-3),),
)


class Context(JobContext):
    """Steps run at once; `after` sees every report."""

    after: Callable[[str], None] = staticmethod(lambda _: None)

    def report(self, stage: str, done: int, total: int, *, force: bool = False) -> None:
        self.after(stage)

    def step(self, name: str, function: Callable[[], Any]) -> Any:
        return function()


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    """SQLite alone: what a ranking does to either database is tested without trainings."""
    opened = Database(sqlite_url)
    yield opened
    opened.close()


@pytest.fixture
def dataset(database: Database, tmp_path: Path) -> int:
    return import_folder(database, write_images(tmp_path / "images", per_class=8))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", worker_threads=1, _env_file=None)


def ask(
    database: Database,
    dataset_id: int,
    recipe: Recipe,
    parent_id: int | None = None,
    weights: str = "none",
) -> int:
    with database.write() as session:
        version = latest_version(session, dataset_id=dataset_id)
        return request_run(
            session,
            dataset_id=dataset_id,
            version_id=version.id,
            recipe=recipe,
            weights=weights,
            parent_id=parent_id,
            seed=1,
            user_id=None,
        ).id


def context_of(database: Database, settings: Settings, run_id: int) -> Context:
    with database.read() as session:
        job = session.get_one(Job, get_run(session, run_id=run_id).job_id)
    return Context(job=job, database=database, settings=settings)


def ranked(database: Database, run_id: int) -> dict[int, Prediction]:
    with database.read() as session:
        return {
            prediction.sample_id: prediction
            for prediction in session.scalars(select(Prediction).where(Prediction.run_id == run_id))
        }


def test_a_first_training_can_be_reviewed_before_it_is_done(
    database: Database, settings: Settings, dataset: int
) -> None:
    run_id = ask(database, dataset, TINY)
    context, seen = context_of(database, settings, run_id), []

    def look(stage: str) -> None:
        with database.read() as session:
            run = newest_ranked(session, dataset_id=dataset)
            if run:
                seen.append((run.state, run.ranked_epochs, len(ranked(database, run.id))))

    context.after = look
    train.run(context)
    assert seen[0] == ("running", 2, 30)
    with database.read() as session:
        run = newest_ranked(session, dataset_id=dataset)
        assert (run.state, run.ranked_epochs) == ("finished", 3)
        assert session.scalar(select(func.count()).select_from(StagedPrediction)) == 0
    found = ranked(database, run_id)
    assert sorted(prediction.rank for prediction in found.values()) == list(range(1, 31))
    assert all(0 <= prediction.disagreement < 1 for prediction in found.values())
    by_rank = sorted(found.values(), key=lambda prediction: prediction.rank)
    assert [p.label_quality for p in by_rank] == sorted(p.label_quality for p in by_rank)
    embedding = read_embedding(settings.runs_dir / str(run_id))
    assert embedding is not None
    assert sorted(embedding.sample_ids) == sorted(found)
    with database.read() as session:
        assert set(get_run(session, run_id=run_id).facts["class_noise"]) == {"cat", "dog", "owl"}


def test_a_run_that_is_cancelled_leaves_its_early_ranking(
    database: Database, settings: Settings, dataset: int
) -> None:
    run_id = ask(database, dataset, TINY)
    context = context_of(database, settings, run_id)

    def stop(stage: str) -> None:
        if "epoch 3" in stage:
            context._stop = True

    context.after = stop
    with pytest.raises(Cancelled):
        train.run(context)
    with database.read() as session:
        run = newest_ranked(session, dataset_id=dataset)
        assert (run.id, run.state, run.ranked_epochs) == (run_id, "cancelled", 2)
    assert len(ranked(database, run_id)) == 30


def test_a_run_that_was_cancelled_goes_on_after_its_last_finished_epoch(
    database: Database, settings: Settings, dataset: int
) -> None:
    run_id = ask(database, dataset, TINY)
    first = context_of(database, settings, run_id)

    def stop(stage: str) -> None:
        if "epoch 3" in stage:
            first._stop = True

    first.after = stop
    with pytest.raises(Cancelled):
        train.run(first)
    with database.write() as session:
        resume_run(session, run_id=run_id, user_id=None)
    stages: list[str] = []
    train.run(first)  # the job of before, were it to come back, is no longer the run's
    with database.read() as session:
        assert session.get_one(Run, run_id).state == "queued"
    second = context_of(database, settings, run_id)
    second.after = stages.append
    train.run(second)
    assert {stage.split(",")[0] for stage in stages if stage.startswith("Training")} == {
        "Training the network: epoch 3 of 3"
    }
    with database.read() as session:
        run = session.get_one(Run, run_id)
        assert (run.state, run.ranked_epochs) == ("finished", 3)
        assert seconds_of(run) > (run.finished_at - run.started_at).total_seconds()


def test_weights_of_classes_that_are_not_there_are_told(
    database: Database, settings: Settings, dataset: int
) -> None:
    short = replace(
        TINY, name="paper", class_weights=(("angry", 10.0),), phases=(replace(TINY.phases[0], epochs=1),)
    )
    run_id = ask(database, dataset, short)
    train.run(context_of(database, settings, run_id))
    with database.read() as session:
        assert "this data set has none of these classes" in session.get_one(Run, run_id).note


def test_a_retrain_shows_nothing_before_it_is_done_and_remembers_what_its_parent_said(
    database: Database, settings: Settings, dataset: int
) -> None:
    parent_id = ask(database, dataset, TINY)
    train.run(context_of(database, settings, parent_id))
    child_id = ask(database, dataset, TINY, parent_id)
    context, states = context_of(database, settings, child_id), set()

    def look(stage: str) -> None:
        with database.read() as session:
            states.add(
                (newest_ranked(session, dataset_id=dataset).id, session.get_one(Run, child_id).ranked_epochs)
            )

    context.after = look
    train.run(context)
    assert states == {(parent_id, None)}
    with database.read() as session:
        assert newest_ranked(session, dataset_id=dataset).id == child_id
        child = session.get_one(Run, child_id)
        assert movement_of(session, run=child) == count_movement(session, run=child)
        assert child.facts["moved"]["old_id"] == parent_id
    assert len(ranked(database, child_id)) == 30


def test_what_only_tells_of_a_training_does_not_end_it(
    database: Database, settings: Settings, dataset: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = ask(database, dataset, TINY)
    context = context_of(database, settings, run_id)

    def away(stage: str) -> None:
        if stage.startswith("Training"):
            raise OperationalError("insert", {}, Exception("the database is restarting"))

    early = []

    def fail_early(*arguments: Any, **options: Any) -> None:
        if options.get("early"):
            early.append(1)
            raise ZeroDivisionError
        rank(*arguments, **options)

    context.after = away
    monkeypatch.setattr(train, "rank", fail_early)
    train.run(context)
    assert early
    with database.read() as session:
        assert session.get_one(Run, run_id).state == "finished"


def test_a_run_that_was_cut_off_before_its_learning_rate_curve_gets_it(
    database: Database, settings: Settings, dataset: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise SystemExit

    run_id = ask(database, dataset, TINY)
    with monkeypatch.context() as patched:
        patched.setattr(train, "find_learning_rate", killed)
        with pytest.raises(SystemExit):
            train.run(context_of(database, settings, run_id))
    with database.read() as session:
        before = get_run(session, run_id=run_id)
        assert (before.state, before.lr_curve) == ("finished", None)
    train.run(context_of(database, settings, run_id))
    with database.read() as session:
        after = get_run(session, run_id=run_id)
        assert after.lr_curve is not None
        assert after.finished_at == before.finished_at


def test_a_training_that_waits_comes_before_the_learning_rate_curve_of_another(
    database: Database, settings: Settings, dataset: int
) -> None:
    run_id = ask(database, dataset, TINY)
    waits = ask(database, dataset, RECIPES["quick"])
    train.run(context_of(database, settings, run_id))
    with database.read() as session:
        run = get_run(session, run_id=run_id)
        assert (run.state, run.lr_curve) == ("finished", None)
        assert get_run(session, run_id=waits).state == "queued"


def test_a_class_that_is_added_during_a_training_waits_for_the_next_one(
    database: Database, settings: Settings, dataset: int
) -> None:
    run_id = ask(database, dataset, TINY)
    context = context_of(database, settings, run_id)

    def add_class_and_die(stage: str) -> None:
        if "epoch 3" in stage:
            with database.write() as session:
                session.add(LabelClass(dataset_id=dataset, position=3, name="emu"))
            raise KeyboardInterrupt

    context.after = add_class_and_die
    with pytest.raises(KeyboardInterrupt):
        train.run(context)
    train.run(context_of(database, settings, run_id))
    assert {len(prediction.probabilities) for prediction in ranked(database, run_id).values()} == {3}


def test_only_the_images_of_the_present_version_stay_decoded(
    database: Database, settings: Settings, dataset: int
) -> None:
    short = replace(TINY, phases=(replace(TINY.phases[0], epochs=1),))
    settings.cache_dir.mkdir(parents=True)
    for name in (f"{dataset}-0123-32px.npy", f"{dataset}-0123-64px.npy", f"{dataset}1-0123-32px.npy"):
        (settings.cache_dir / name).touch()
    train.run(context_of(database, settings, ask(database, dataset, short)))
    kept = sorted(path.name for path in settings.cache_dir.iterdir())
    assert len(kept) == 3
    assert f"{dataset}-0123-32px.npy" not in kept


def test_with_folds_every_training_image_is_judged_by_a_network_that_never_saw_it(
    database: Database, settings: Settings, dataset: int
) -> None:
    run_id = ask(database, dataset, replace(TINY, folds=2, phases=(replace(TINY.phases[0], epochs=1),)))
    train.run(context_of(database, settings, run_id))
    folds = [prediction.fold for prediction in ranked(database, run_id).values()]
    assert folds.count(-1) == 6  # the validation part
    assert set(folds) == {-1, 0, 1}
    for fold in (0, 1):
        assert (settings.runs_dir / str(run_id) / f"fold-{fold}" / "model.safetensors").exists()


def test_a_network_that_came_with_toploss_is_trained_without_a_download_and_trained_further(
    database: Database, settings: Settings, dataset: int
) -> None:
    recipe = replace(TINY, network=LITE, phases=(replace(TINY.phases[0], epochs=1),))
    run_id = ask(database, dataset, recipe, weights="imagenet")
    train.run(context_of(database, settings, run_id))
    child_id = ask(database, dataset, TINY, run_id)  # by a recipe for another network
    train.run(context_of(database, settings, child_id))
    with database.read() as session:
        run, child = (get_run(session, run_id=each) for each in (run_id, child_id))
    assert (run.state, child.state) == ("finished", "finished")
    assert "the ImageNet weights of EfficientNet-Lite0" in run.note
    assert not list(settings.weights_dir.glob("*"))
    assert (child.network, len(ranked(database, child_id))) == (LITE, 30)


def test_what_the_first_look_doubts_comes_first_while_the_network_knows_little(
    database: Database, settings: Settings, dataset: int
) -> None:
    with database.read() as session:
        version_id = latest_version(session, dataset_id=dataset).id
    look_id = make_first_look(database, dataset, version_id, wrong=4)
    doubted = {p.sample_id for p in ranked(database, look_id).values() if p.predicted_label != p.label}
    run_id = ask(database, dataset, replace(TINY, phases=(replace(TINY.phases[0], epochs=1),)))
    train.run(context_of(database, settings, run_id))
    found = ranked(database, run_id)
    assert {p.sample_id for p in found.values() if p.rank <= 4} == doubted
    with database.read() as session:
        issues = set(session.scalars(select(OpenIssue.sample_id).where(OpenIssue.run_id == run_id)))
    assert doubted <= issues  # also those whose given label the network predicts


@pytest.mark.parametrize(("wrong", "errors"), [(0, 0), (96, 24)])
def test_a_network_that_errs_clearly_more_than_the_first_look_is_not_reviewed(
    database: Database, settings: Settings, tmp_path: Path, wrong: int, errors: int
) -> None:
    dataset_id = import_folder(database, write_images(tmp_path / "images", per_class=24), name="many")
    with database.read() as session:
        version_id = latest_version(session, dataset_id=dataset_id).id
    look_id = make_first_look(database, dataset_id, version_id, wrong=wrong)
    learns_nothing = replace(TINY, phases=(Phase(epochs=1, frozen=False, lr_min=1e-9, lr_max=1e-9),))
    run_id = ask(database, dataset_id, learns_nothing)
    train.run(context_of(database, settings, run_id))
    with database.read() as session:
        current = current_ranking(session, dataset_id=dataset_id)
        run = get_run(session, run_id=run_id)
    beside = run.facts["beside_first_look"]
    assert (beside["first_look"], beside["images"]) == (errors, 24)
    assert current is not None
    assert (run.is_behind, current.run_id) == ((False, run_id) if wrong else (True, look_id))


def test_probabilities_of_every_image_add_up(database: Database, settings: Settings, dataset: int) -> None:
    run_id = ask(database, dataset, replace(TINY, phases=(replace(TINY.phases[0], epochs=1),)))
    train.run(context_of(database, settings, run_id))
    for prediction in ranked(database, run_id).values():
        assert np.sum(prediction.probabilities) == pytest.approx(1, abs=1e-3)


def test_a_run_keeps_what_made_it_and_the_temperature_that_fits_its_hold_out(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    dataset = import_folder(database, write_images(tmp_path / "many", per_class=51))  # 51 hold-out images
    run_id = ask(database, dataset, replace(TINY, batch_size=32, phases=(replace(TINY.phases[0], epochs=1),)))
    train.run(context_of(database, settings, run_id))
    with database.read() as session:
        facts = get_run(session, run_id=run_id).facts
    assert facts["temperature"] > 0
    assert 0 <= facts["calibration_error_after"] <= 1
    assert facts["code"] == code_digest()
    assert facts["toploss"] == version("toploss")


@pytest.mark.parametrize(("epochs", "early"), [(1, []), (2, []), (3, [2]), (18, [2, 4, 8, 16])])
def test_early_rankings_come_after_twice_as_many_epochs_each(epochs: int, early: list[int]) -> None:
    assert [epoch for epoch in range(1, epochs + 1) if is_early(epoch, epochs)] == early


def test_nothing_is_chosen_by_the_gold_part_that_a_run_was_asked_for_with(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    dataset_id = import_folder(database, write_images(tmp_path / "more", per_class=30), name="more")
    before = ask(database, dataset_id, TINY)
    with database.write() as session:
        draw_gold(session, dataset_id=dataset_id, size=20)
        gold = set(gold_ids(session, dataset_id=dataset_id).tolist())
    after = ask(database, dataset_id, replace(TINY, keep="best", name="other"))
    watched = {}
    for run_id in (before, after):
        with database.read() as session:
            run = get_run(session, run_id=run_id)
        plan = make_plan(context_of(database, settings, run_id), run)
        assert not gold & set(plan.samples.sample_ids[plan.train_index(WHOLE)].tolist())
        watched[run_id] = set(plan.samples.sample_ids[train._valid_index(plan, WHOLE)].tolist())
    assert len(watched[before]) == 30  # it goes on as it began
    assert len(watched[after]) == 10
    assert not watched[after] & gold


def test_a_class_without_training_images_is_told_of_and_its_labels_are_no_issues(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    folder = write_images(tmp_path / "images", per_class=8)
    shutil.rmtree(folder / "train" / "owl")
    dataset_id = import_folder(database, folder)
    run_id = ask(database, dataset_id, TINY)
    train.run(context_of(database, settings, run_id))
    with database.read() as session:
        run, evaluation = get_run(session, run_id=run_id), evaluate_run(session, run_id=run_id)
        names = class_names(session, dataset_id=dataset_id)
        issues = set(session.scalars(select(OpenIssue.sample_id).where(OpenIssue.run_id == run_id)))
    owls = {i: each for i, each in ranked(database, run_id).items() if names[each.label] == "owl"}
    assert len(owls) == 2
    assert all(
        each.predicted_label != each.label for each in owls.values()
    )  # nothing else can be said of them
    assert not issues & set(owls)
    assert {each.rank for each in owls.values()} == {21, 22}  # of 22: the least suspicious
    assert evaluation.untrained == ("owl",)
    assert evaluation.error_rate is not None
    assert evaluation.without_untrained is not None
    assert (evaluation.error_rate.n, evaluation.without_untrained.n) == (6, 4)
    assert evaluation.error_rate.wrong == evaluation.without_untrained.wrong + 2
    assert "“owl”: no training images, so 2 hold-out images always count as errors" in run.note
    assert run.label_issues == len(issues)


def test_a_curve_and_figures_that_cannot_be_made_fail_no_run(
    database: Database, settings: Settings, dataset: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object, **_more: object) -> None:
        raise MemoryError

    for what in ("train.find_learning_rate", "ranking.count_movement", "ranking.calibrate"):
        monkeypatch.setattr(f"app.tasks.{what}", fail)
    run_id = ask(database, dataset, TINY)
    train.run(context_of(database, settings, run_id))
    with database.read() as session:
        run = get_run(session, run_id=run_id)
        assert (run.state, run.lr_curve) == ("finished", None)
    assert len(ranked(database, run_id)) == 30
