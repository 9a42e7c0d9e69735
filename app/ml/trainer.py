"""Trains a network and reports progress. After a kill it resumes after its last finished epoch."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.ml import checkpoints
from app.ml.checkpoints import Checkpoint, EpochMetrics
from app.ml.dynamics import Dynamics
from app.ml.errors import CheckpointError, TrainingFailed
from app.ml.images import Images
from app.ml.learner import Built, build_learner
from app.ml.recipes import Phase, Recipe, StartFrom
from app.ml.watch import TrainingProgress, Watch


@dataclass(frozen=True)
class TrainingOutcome:
    """A finished training."""

    folder: Path
    class_names: tuple[str, ...]
    history: tuple[EpochMetrics, ...]
    notes: tuple[str, ...]
    resumed_after: int  # epochs that had finished before; all of them if nothing was left to do

    @property
    def seconds(self) -> float:
        """The seconds of all epochs, including those before an interruption."""
        return sum(epoch.seconds for epoch in self.history)


def train(
    images: Images,
    labels: np.ndarray,
    *,
    train_index: np.ndarray,
    valid_index: np.ndarray,
    class_names: Sequence[str],
    recipe: Recipe,
    start: StartFrom,
    seed: int,
    folder: Path,
    on_progress: Callable[[TrainingProgress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> TrainingOutcome:
    """Train on `images[train_index]`; write a checkpoint and the dynamics into `folder` after every epoch.

    `images`: uint8 (n, size, size, 3); `labels`: (n,) class positions; the indices are rows, `valid_index`
    may be empty. If `folder` has a checkpoint of the same training, it resumes after the last finished epoch,
    or returns at once if all have finished; a checkpoint of another training raises CheckpointError.
    `should_stop` is called after every batch; if it returns True, TrainingStopped is raised. Also raises
    WeightsUnavailable, and TrainingFailed when the loss diverges.
    """
    train_index, valid_index = np.asarray(train_index, np.int64), np.asarray(valid_index, np.int64)
    labels, names = np.asarray(labels, np.int64), tuple(class_names)
    _check(images, labels, train_index, valid_index, names)
    fingerprint = _fingerprint(images, labels, train_index, valid_index, names, recipe, start, seed)
    stored = checkpoints.load(folder) if checkpoints.exists(folder) else None
    if stored is not None and stored.fingerprint != fingerprint:
        raise CheckpointError(f"{folder} holds another training (other data, recipe, start or seed).")
    if stored is not None and stored.finished:
        return TrainingOutcome(folder, names, stored.history, stored.notes, len(stored.history))
    folder.mkdir(parents=True, exist_ok=True)
    built = build_learner(
        images,
        labels,
        train_index=train_index,
        valid_index=valid_index,
        class_names=names,
        recipe=recipe,
        start=start,
        seed=seed,
        folder=folder,
    )
    phases = recipe.fine_tune_phases if start.kind == "parent" else recipe.phases
    notes = [built.note]
    if not built.body_has_weights and any(phase.frozen for phase in phases):
        phases = tuple(dataclasses.replace(phase, frozen=False) for phase in phases)
        notes.append("Phases with a frozen body run unfrozen, because a random body has nothing to keep.")
    if stored is None:
        stored = Checkpoint(
            class_names=names,
            recipe=recipe,
            normalisation=built.normalisation,
            seed=seed,
            fingerprint=fingerprint,
            history=(),
            finished=False,
            phase=1,
            phase_epoch=0,
            notes=tuple(notes),
            weights="",
            optimiser=None,
            versions={},
            saved_at="",
            stem=built.stem,
        )
    else:
        checkpoints.load_trained(folder, stored, built.learner.model)
        if built.averaged is not None:
            batches = len(stored.history) * len(built.learner.dls.train)
            built.averaged.resume(checkpoints.load_weights(folder, stored), batches)
    resumed_after = len(stored.history)
    dynamics = Dynamics(folder, len(images), len(names))
    watch = Watch(
        built,
        folder,
        stored,
        phases,
        dynamics,
        on_progress or (lambda _: None),
        should_stop or (lambda: False),
    )
    for number in range(stored.phase, len(phases) + 1):
        _run_phase(built, watch, number, phases[number - 1])
    done = watch.checkpoint
    return TrainingOutcome(folder, names, done.history, done.notes, resumed_after)


def _run_phase(built: Built, watch: Watch, number: int, phase: Phase) -> None:
    learner, stored = built.learner, watch.checkpoint
    done = stored.phase_epoch if stored.phase == number else 0
    if done >= phase.epochs:
        return
    (learner.freeze if phase.frozen else learner.unfreeze)()  # also empties the optimiser
    if done:
        checkpoints.load_optimiser(watch.folder, stored, learner.opt.opt)
    watch.begin(number, done)
    rates = phase.lr_max if phase.lr_min == phase.lr_max else slice(phase.lr_min, phase.lr_max)
    try:
        learner.fit_one_cycle(
            phase.epochs, rates, pct_start=phase.warm_up, cbs=[watch.dynamics, watch], start_epoch=done
        )
    finally:
        built.close()
    if watch.problem is not None:
        raise watch.problem


def _check(
    images: Images,
    labels: np.ndarray,
    train_index: np.ndarray,
    valid_index: np.ndarray,
    names: tuple[str, ...],
) -> None:
    if images.dtype != np.uint8 or images.shape[3:] != (3,):
        raise ValueError(f"images must be uint8 (n, size, size, 3), not {images.dtype} {images.shape}")
    if labels.shape != (len(images),):
        raise ValueError(f"{len(images)} images need as many labels, not {labels.shape}")
    if not len(train_index):
        raise TrainingFailed("There are no images to train on.")
    if len(names) < 2:  # noqa: PLR2004
        raise TrainingFailed("A training needs at least two classes.")
    used = labels[np.concatenate([train_index, valid_index])]
    if used.min() < 0 or used.max() >= len(names):
        raise ValueError(f"labels must be class positions from 0 to {len(names) - 1}")


def _fingerprint(
    images: Images,
    labels: np.ndarray,
    train_index: np.ndarray,
    valid_index: np.ndarray,
    names: tuple[str, ...],
    recipe: Recipe,
    start: StartFrom,
    seed: int,
) -> str:
    """A digest of everything that determines the result; of the images only the shape, to save time.

    Default values of a recipe are left out, so that new fields of a later version change nothing. Of a parent
    only its existence counts, because the data folder may be moved.
    """
    digest = hashlib.sha256()
    path = str(start.path) if start.kind == "file" else ""
    settings = [names, _unusual(recipe), start.kind, path, seed, images.shape]
    digest.update(json.dumps(settings).encode())
    for array in (train_index, valid_index, labels[train_index], labels[valid_index]):
        digest.update(array.tobytes() + b"|")
    return digest.hexdigest()


def _unusual(recipe: Recipe) -> dict[str, object]:
    given = dataclasses.asdict(recipe)
    return {
        field.name: given[field.name]
        for field in dataclasses.fields(recipe)
        if given[field.name] != field.default
    }
