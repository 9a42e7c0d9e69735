"""The job of an own model, for data sets that are too large to be ranked while a request waits."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from app import tasks
from app.db.engine import Database
from app.errors import Cancelled, Conflict
from app.jobs.engine import JobContext
from app.jobs.models import Job
from app.ranking.rankings import top_losses
from app.rounds.own_models import Imported, PredictionFile, import_predictions
from app.settings import Settings
from app.tasks import TASKS, own_model
from app.tasks.progress import of_own_model
from app.training.ending import cancel_run
from app.training.models import Run
from app.training.progress import run_progress
from app.training.requesting import resume_run
from app.training.runs import current_ranking
from tests.factories import CLASSES, Made
from tests.ranking.prediction_files import as_npz


@pytest.fixture
def values(made: Made) -> np.ndarray:
    return np.random.default_rng(0).dirichlet(np.ones(3), len(made.paths)).astype(np.float32)


@pytest.fixture
def asked(database: Database, settings: Settings, made: Made, values: np.ndarray, tmp_path: Path) -> Imported:
    path = as_npz(tmp_path / "mine.npz", values[2:], ids=made.paths[2:], classes=CLASSES)
    return import_predictions(
        database,
        dataset_id=made.dataset_id,
        file=PredictionFile(path, path.name, out_of_sample=True, allow_missing=True),
        folder=settings.runs_dir,
        most_at_once=20,
    )


def context_of(database: Database, settings: Settings, run_id: int) -> JobContext:
    with database.read() as session:
        return JobContext(session.get_one(Job, session.get_one(Run, run_id).job_id), database, settings)


def test_it_ranks_as_an_import_does_at_once_and_keeps_no_file(
    database: Database, settings: Settings, made: Made, values: np.ndarray, asked: Imported
) -> None:
    assert asked.job_id is not None
    assert TASKS["own model"] is not None
    with database.read() as session:
        assert current_ranking(session, dataset_id=made.dataset_id).run_id == made.run_id
        progress = run_progress(session, run_id=asked.run_id)
        assert (progress.state, progress.kind, progress.seconds_left) == ("queued", "own model", None)
    context = context_of(database, settings, asked.run_id)
    before = of_own_model(context)
    own_model.run(context)
    assert of_own_model(context) != before
    labels = np.array([CLASSES.index(path.split("/")[1]) for path in made.paths])
    own = values[np.arange(len(labels)), labels][2:]
    with database.read() as session:
        found = top_losses(session, run_id=asked.run_id, limit=100)
        run = session.get_one(Run, asked.run_id)
        assert (run.state, run.note) == ("finished", " ".join(asked.notes))
        assert current_ranking(session, dataset_id=made.dataset_id).run_id == asked.run_id
    assert [each.path for each in found] == [made.paths[2 + i] for i in np.argsort(own, kind="stable")]
    assert not [each for each in settings.runs_dir.rglob("*") if each.is_file()]
    own_model.run(context)  # repeated after a crash: it has ended


def test_a_cancelled_one_is_resumed_from_its_kept_predictions(
    database: Database, settings: Settings, asked: Imported, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = context_of(database, settings, asked.run_id)
    with monkeypatch.context() as patched:
        patched.setattr(context, "should_stop", lambda: True)
        with pytest.raises(Cancelled):
            own_model.run(context)
    with database.write() as session:
        run = session.get_one(Run, asked.run_id)
        assert (run.state, run.note) == ("cancelled", "Cancelled; its predictions are kept.")
        assert (
            session.get_one(Job, resume_run(session, run_id=run.id, user_id=None).job_id).task == "own model"
        )
    own_model.run(context_of(database, settings, asked.run_id))
    with database.write() as session:
        assert session.get_one(Run, asked.run_id).state == "finished"
        with pytest.raises(Conflict):
            cancel_run(session, run_id=asked.run_id)


def test_no_job_loads_torch_while_it_ranks(
    database: Database, settings: Settings, asked: Imported, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_load: list[bool] = []

    def another_thread_asks(*_: object, **__: object) -> None:
        with ThreadPoolExecutor() as others:
            may_load.append(others.submit(tasks._LOADING.acquire, blocking=False).result())

    monkeypatch.setattr(own_model, "rank_kept", another_thread_asks)
    own_model.run(context_of(database, settings, asked.run_id))
    assert may_load == [False]


def test_kept_predictions_that_are_gone_are_told(
    database: Database, settings: Settings, asked: Imported
) -> None:
    for each in (settings.runs_dir / str(asked.run_id)).iterdir():
        each.unlink()
    with pytest.raises(Exception, match="no longer there; import the file again"):
        own_model.run(context_of(database, settings, asked.run_id))
    with database.read() as session:
        assert session.get_one(Run, asked.run_id).state == "failed"
