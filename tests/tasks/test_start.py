"""A run settles where it starts: `auto` never fails, what was chosen explicitly does, and both say why."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.datasets.versions import latest_version
from app.db.engine import Database
from app.errors import Invalid
from app.jobs.models import Job
from app.ml.network import build_model
from app.ml.recipes import RECIPES, Phase, StartFrom
from app.ml.watch import Watch
from app.settings import Settings
from app.tasks import train
from app.tasks.start import settle_start
from app.training.ending import start_run
from app.training.models import Run
from app.training.requesting import train_anew
from app.training.runs import get_run
from tests.factories import import_folder, write_images
from tests.imagenet import without_network, write_weights
from tests.tasks.test_train import Context

NO_NETWORK = "they are not on this machine, and cannot be downloaded: no internet: the proxy 127.0.0.1"


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    opened = Database(sqlite_url)
    yield opened
    opened.close()


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    without_network(monkeypatch, tmp_path / "torch")
    short = replace(
        RECIPES["paper"],
        image_size=32,
        batch_size=8,
        phases=(Phase(1, True, 1e-4, 1e-2), Phase(1, False, 1e-5, 1e-4)),
    )
    monkeypatch.setitem(RECIPES, "paper", short)
    return Settings(data_dir=tmp_path / "data", worker_threads=1, weights="auto", _env_file=None)


def ask(database: Database, tmp_path: Path, *, start: str | None, recipe: str = "paper") -> int:
    dataset_id = import_folder(database, write_images(tmp_path / "images", per_class=6))
    with database.write() as session:
        version = latest_version(session, dataset_id=dataset_id)
        return train_anew(
            session,
            dataset_id=dataset_id,
            version_id=version.id,
            weights="auto",
            recipe=recipe,
            start=start,
        ).id


def context_of(database: Database, settings: Settings, run_id: int) -> tuple[Context, Run]:
    with database.write() as session:
        started = start_run(session, run_id=run_id)
        return Context(
            job=session.get_one(Job, started.job_id), database=database, settings=settings
        ), started


def known(database: Database, run_id: int) -> Run:
    with database.read() as session:
        return get_run(session, run_id=run_id)


def test_a_training_without_weights_and_network_starts_from_random_ones_and_says_why(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    run_id = ask(database, tmp_path, start=None)
    assert known(database, run_id).weights == "auto"
    context, _ = context_of(database, settings, run_id)
    train.run(context)
    run = known(database, run_id)
    assert (run.state, run.weights) == ("finished", "none")
    assert (
        f"The network starts from random weights: ImageNet weights cannot be used: {NO_NETWORK}" in run.note
    )
    assert NO_NETWORK in run.facts["start_why"]
    resumed = settle_start(context, run, has_begun=True)
    assert (resumed.kind, resumed.why) == ("none", run.facts["start_why"])


def test_a_training_starts_from_the_weights_in_torchs_cache_and_keeps_them(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    state = {name: tensor for name, tensor in build_model(2).state_dict().items() if name.startswith("0.")}
    file = write_weights(tmp_path / "torch" / "hub" / "checkpoints", state=state)
    run_id = ask(database, tmp_path, start=None)
    context, _ = context_of(database, settings, run_id)
    train.run(context)
    run = known(database, run_id)
    assert (run.state, run.weights) == ("finished", "imagenet")
    assert f"starts from ImageNet weights ({file.name}, sha256 verified)" in run.note
    file.unlink()
    kept = settings.weights_dir / file.name
    assert settle_start(context, run, has_begun=True) == StartFrom("imagenet", kept)


def test_the_recipe_for_photographs_trains_the_head_first_and_then_with_more_pixels(
    database: Database, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = {name: tensor for name, tensor in build_model(2).state_dict().items() if name.startswith("0.")}
    write_weights(settings.weights_dir, state=state)
    usual = RECIPES["photos"]
    phases = tuple(replace(phase, epochs=1) for phase in usual.phases)
    short = replace(usual, image_size=48, early_size=32, early_epochs=1, batch_size=8, phases=phases)
    monkeypatch.setitem(RECIPES, "photos", short)
    seen: list[tuple[bool, int]] = []
    ended = Watch.after_epoch

    def look(self: Watch) -> None:
        seen.append((self.phases[self.number - 1].frozen, self.dls.train.size))
        ended(self)

    monkeypatch.setattr(Watch, "after_epoch", look)
    run_id = ask(database, tmp_path, start=None, recipe="photos")
    context, _ = context_of(database, settings, run_id)
    train.run(context)
    run = known(database, run_id)
    assert (run.state, run.weights, run.facts.get("start_why")) == ("finished", "imagenet", None)
    assert "unfrozen" not in run.note
    assert seen == [(True, 32), (False, 48)]


def test_weights_that_do_not_fit_are_no_reason_to_fail_unless_they_were_chosen(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    file = write_weights(settings.weights_dir, state={})
    context, started = context_of(database, settings, ask(database, tmp_path, start=None))
    found = settle_start(context, started, has_begun=False)
    assert (found.kind, "is no ResNet34" in found.why, file.name in found.why) == ("none", True, True)
    started.weights, started.facts = "imagenet", {}
    with pytest.raises(Invalid, match="is no ResNet34"):
        settle_start(context, started, has_begun=False)


def test_imagenet_weights_that_were_chosen_and_cannot_be_had_are_a_clear_error(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    context, _ = context_of(database, settings, run_id := ask(database, tmp_path, start="imagenet"))
    with pytest.raises(Invalid, match=NO_NETWORK):
        train.run(context)
    run = known(database, run_id)
    assert run.weights == "imagenet"
    assert "TOPLOSS_WEIGHTS=none" in run.note


def test_a_recipe_for_small_images_does_not_look_for_weights(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    write_weights(settings.weights_dir, state={})
    context, started = context_of(database, settings, ask(database, tmp_path, start=None, recipe="default"))
    found = settle_start(context, started, has_begun=False)
    assert found == StartFrom("none", why="the recipe default is made for these")
