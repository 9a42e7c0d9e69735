"""One bar over all phases of a run: whatever its job reports, the share that is done never falls."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.db.engine import Database
from app.errors import Cancelled
from app.jobs.requests import report
from app.settings import Settings
from app.tasks import first_look, train
from app.training.phases import DRAWS, PREDICTS, RANKS_EARLY, READS, TRAINS
from app.training.progress import run_progress
from app.training.requesting import resume_run
from tests.factories import import_folder, write_images
from tests.pictures import mirrored, scene
from tests.tasks.test_first_look import request
from tests.tasks.test_train import TINY, Context, ask, context_of

FOLDED = replace(TINY, folds=2)


class Watched(Context):
    """Stores every report, and keeps its stage with the share that the run's page shows after it."""

    def report(self, stage: str, done: int, total: int, *, force: bool = False) -> None:
        with self.database.write() as session:
            report(session, job_id=self.job.id, stage=stage, done=done, total=total)
            shown = run_progress(session, run_id=int(self.job.arguments["run"]))
        seen = self.settings.__dict__.setdefault("_seen", [])
        seen.append((stage, shown.share))
        super().report(stage, done, total, force=force)


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    opened = Database(sqlite_url)
    yield opened
    opened.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", worker_threads=1, _env_file=None)


def watched(database: Database, settings: Settings, run_id: int) -> tuple[Watched, list[tuple[str, float]]]:
    context = context_of(database, settings, run_id)
    seen: list[tuple[str, float]] = []
    settings.__dict__["_seen"] = seen
    return Watched(job=context.job, database=database, settings=settings), seen


def never_falls(seen: list[tuple[str, float]]) -> bool:
    shares = [share for _, share in seen]
    return all(before <= after for before, after in itertools.pairwise(shares))


def test_the_bar_of_a_training_with_early_rankings_and_folds_never_goes_back(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    dataset = import_folder(database, write_images(tmp_path / "images", per_class=8))
    context, seen = watched(database, settings, ask(database, dataset, FOLDED))
    train.run(context)
    stages = " ".join(stage for stage, _ in seen)
    assert all(words in stages for words in (READS, TRAINS, RANKS_EARLY, PREDICTS, DRAWS, "fold 2 of 2"))
    assert never_falls(seen), seen
    assert 0.99 < seen[-1][1] < 1.0  # it is done when its job has ended


def test_the_bar_of_a_resumed_training_begins_where_its_finished_epochs_end(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    dataset = import_folder(database, write_images(tmp_path / "images", per_class=8))
    run_id = ask(database, dataset, TINY)
    first, seen = watched(database, settings, run_id)

    def stop(stage: str) -> None:
        if "epoch 3" in stage:
            first._stop = True

    first.after = stop
    with pytest.raises(Cancelled):
        train.run(first)
    trained = max(share for stage, share in seen if stage.startswith(RANKS_EARLY))
    assert trained == pytest.approx(0.1 + 0.8 * 2 / 3)
    with database.write() as session:
        resume_run(session, run_id=run_id, user_id=None)
    second, seen = watched(database, settings, run_id)
    train.run(second)
    assert seen[0][1] >= trained
    assert never_falls(seen), seen


def test_the_bar_of_a_first_look_that_compares_copies_never_goes_back(
    database: Database, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_look, "measure_pace", lambda _: 100.0)
    for seed, name in enumerate(("cat", "dog", "owl")):
        (tmp_path / "images" / "train" / name).mkdir(parents=True)
        for number in range(4):
            scene(seed + 3 * number).save(tmp_path / "images" / "train" / name / f"{number}.png")
    mirrored(scene(0)).save(tmp_path / "images" / "train" / "dog" / "copy.png")
    run_id = request(database, import_folder(database, tmp_path / "images"))
    context, seen = watched(database, settings, run_id)
    first_look.run(context)
    assert never_falls(seen), seen
    assert {stage for stage, _ in seen} >= {"Looking at every image", "Finding copies"}
    assert seen[-1][1] > 0.9
