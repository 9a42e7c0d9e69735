"""The job that trains a run's networks, lets each judge what it did not train on, and stores the ranking.

Its steps are durable: after a crash the finished ones are not repeated, and the one that was cut off goes on from its own
files (decoded images, epoch checkpoints).
"""

import hashlib
import platform
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import fastai
import numpy as np
import torch

from app.datasets.catalog import class_names
from app.datasets.models import Dataset
from app.datasets.versions import VersionSamples, labels_of
from app.errors import Cancelled, Invalid, ToplossError
from app.jobs.engine import JobContext
from app.ml.checkpoints import EpochMetrics
from app.ml.checkpoints import load as load_checkpoint
from app.ml.device import choose_device, keep_freed_memory, low_precision, usable_cores, use_threads
from app.ml.dynamics import read_epochs
from app.ml.finder import find_learning_rate
from app.ml.images import prepare_images
from app.ml.recipes import Recipe, StartFrom, recipe_from_json
from app.ml.scorer import predict_log_probs
from app.ml.trainer import train
from app.ml.watch import TrainingProgress
from app.ranking.rankings import log_probs_of, ranking_rows, store_ranking
from app.ranking.scoring import default_margin, mean_log_probs, normalized_margin, quality_by_class
from app.storage import open_source
from app.training.folds import WHOLE, assign_folds
from app.training.models import Epoch, Run
from app.training.runs import end_run, get_run, newest_finished, record_epoch, start_run

HOLD_OUT = ("valid", "test")  # never trained on


@dataclass(frozen=True)
class Plan:
    """Everything a run needs, read once; arrays are over all samples of its version."""

    run_id: int
    dataset_id: int
    source: str
    names: tuple[str, ...]
    samples: VersionSamples
    held_out: np.ndarray  # (n,) whether a sample is never trained on
    folds: np.ndarray  # (n,) the fold of a sample; WHOLE for the hold-out, and for all where there are no folds
    recipe: Recipe
    start: StartFrom
    parent_run: int | None
    parent: Path | None  # its run folder
    is_first: bool  # nobody has a ranking yet, so an early one is better than none
    seed: int
    folder: Path
    cache: Path

    @property
    def networks(self) -> list[int]:
        """The networks to train: the one on everything, then one per fold."""
        return [WHOLE, *range(self.recipe.folds)]

    def train_index(self, fold: int) -> np.ndarray:
        """Rows that the fold's network trains on."""
        return np.flatnonzero(~self.held_out & ((self.folds != fold) | (fold == WHOLE)))

    def fold_index(self, fold: int) -> np.ndarray:
        """Rows of a fold, which its network judges."""
        return np.flatnonzero(self.folds == fold)

    def folder_of(self, fold: int) -> Path:
        """The checkpoint folder of the fold's network."""
        return self.folder / _network(fold)

    def start_of(self, fold: int) -> StartFrom:
        """A fold's network goes on from its parent's network of the same fold, which never saw that fold either."""
        if self.start.kind != "parent":
            return self.start
        return StartFrom.from_parent((self.parent or self.folder) / _network(fold))


def run(context: JobContext) -> None:
    """Train, predict, rank; a run ends as its job does."""
    run_id = int(context.job.arguments["run"])
    with context.database.write() as session:
        started = start_run(session, run_id=run_id)
    if started.state != "running":
        return
    try:
        plan = _plan(context, started)
        note = _train_and_rank(context, plan)
    except Cancelled:
        _end(context, run_id, "cancelled", "Cancelled; the last checkpoint is kept.")
        raise
    except ToplossError as error:
        _end(context, run_id, "failed", str(error))
        raise
    except Exception:
        _end(context, run_id, "failed", "Something unexpected happened; the worker's log tells what.")
        raise
    _end(context, run_id, "finished", note)
    if plan.start.kind != "parent":  # the curve is for looking at: reviewing has begun when it is drawn
        context.step("learning rate", lambda: _find_learning_rate(context, plan, _prepare(context, plan)))


def _end(context: JobContext, run_id: int, state: str, note: str) -> None:
    with context.database.write() as session:
        end_run(session, run_id=run_id, state=state, note=note)


def _train_and_rank(context: JobContext, plan: Plan) -> str:
    keep_freed_memory()
    _store_facts(context, plan.run_id, use_threads(context.settings.worker_threads or usable_cores()))
    images = _prepare(context, plan)
    notes: list[str] = []
    for fold in plan.networks:
        if not len(plan.train_index(fold)):
            raise Invalid(f"There are too few different training images for {plan.recipe.folds} folds; import more.")
        if fold == WHOLE or len(plan.fold_index(fold)):
            notes += context.step(f"train {_network(fold)}", partial(_train, context, plan, images, fold))
    context.step("rank", lambda: _rank(context, plan, images))
    return " ".join(dict.fromkeys(notes))


def _plan(context: JobContext, started: Run) -> Plan:
    settings = context.settings
    with context.database.read() as session:
        dataset = session.get_one(Dataset, started.dataset_id)
        samples = labels_of(session, version_id=started.version_id)
        names = tuple(class_names(session, dataset_id=dataset.id))
        parent = get_run(session, run_id=started.parent_id) if started.parent_id else None
        first = newest_finished(session, dataset_id=dataset.id) is None
    recipe = recipe_from_json(started.recipe)
    held_out = np.isin(np.array(samples.splits), HOLD_OUT)
    folds = np.where(held_out, WHOLE, assign_folds(samples.sha256, folds=recipe.folds))
    if held_out.all():
        raise Invalid("This data set has no training part; put images into a folder named train and import again.")
    parent_folder = settings.runs_dir / str(parent.id) if parent else None
    start = StartFrom.from_parent(parent_folder / _network(WHOLE)) if parent_folder else StartFrom.from_setting(started.weights)
    return Plan(
        run_id=started.id,
        dataset_id=dataset.id,
        source=dataset.source,
        names=names,
        samples=samples,
        held_out=held_out,
        folds=folds,
        recipe=recipe,
        start=start,
        parent_run=started.parent_id,
        parent=parent_folder,
        is_first=first,
        seed=started.seed,
        folder=settings.runs_dir / str(started.id),
        cache=settings.cache_dir,
    )


def _store_facts(context: JobContext, run_id: int, threads: int) -> None:
    device = choose_device()
    facts = {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "precision": str(low_precision(device) or torch.float32).removeprefix("torch."),
        "threads": threads,
        "torch": torch.__version__,
        "fastai": fastai.__version__,
        "python": platform.python_version(),
    }
    with context.database.write() as session:
        get_run(session, run_id=run_id).facts = facts


def _prepare(context: JobContext, plan: Plan) -> np.memmap:
    """The version's images as one array on disk, named after what it holds, so that runs share it."""
    content = hashlib.sha256("\n".join(plan.samples.sha256).encode()).hexdigest()[:16]
    out = plan.cache / f"{plan.dataset_id}-{content}-{plan.recipe.image_size}px.npy"
    out.parent.mkdir(parents=True, exist_ok=True)
    source = open_source(plan.source)
    try:
        return prepare_images(
            lambda i: source.read(plan.samples.paths[i]),
            len(plan.samples.paths),
            out,
            size=plan.recipe.image_size,
            on_progress=lambda done, total: context.report("Reading images", done, total),
            should_stop=context.should_stop,
        )
    finally:
        source.close()


def _find_learning_rate(context: JobContext, plan: Plan, images: np.memmap) -> None:
    found = find_learning_rate(
        images,
        plan.samples.labels,
        train_index=plan.train_index(WHOLE),
        class_names=plan.names,
        recipe=plan.recipe,
        start=plan.start,
        seed=plan.seed,
        should_stop=context.should_stop,
        on_progress=lambda done, total: context.report("Looking for the learning rate", done, total),
    )
    with context.database.write() as session:
        get_run(session, run_id=plan.run_id).lr_curve = {
            "lrs": [float(x) for x in found.rates],
            "losses": [float(x) for x in found.losses],
            "suggestion": found.suggestion,
        }


def _train(context: JobContext, plan: Plan, images: np.memmap, fold: int) -> list[str]:
    """Train one network to its end; the answer is what a person should know."""
    stored = 0

    def on_progress(progress: TrainingProgress) -> None:
        nonlocal stored
        context.report(*_position(plan, fold, progress))
        if stored == len(progress.history):
            return
        while stored < len(progress.history):
            _record(context, plan, fold, stored, progress.history[stored])
            stored += 1
        if fold == WHOLE and plan.is_first and is_early(stored, progress.epochs):
            _rank(context, plan, images, early=stored)

    outcome = train(
        images,
        plan.samples.labels,
        train_index=plan.train_index(fold),
        valid_index=_valid_index(plan, fold),
        class_names=plan.names,
        recipe=plan.recipe,
        start=plan.start_of(fold),
        seed=plan.seed,
        folder=plan.folder_of(fold),
        on_progress=on_progress,
        should_stop=context.should_stop,
    )
    for epoch, metrics in enumerate(outcome.history):
        _record(context, plan, fold, epoch, metrics)
    return list(outcome.notes)


def _record(context: JobContext, plan: Plan, fold: int, epoch: int, metrics: EpochMetrics) -> None:
    with context.database.write() as session:
        record_epoch(
            session,
            Epoch(
                run_id=plan.run_id,
                fold=fold,
                epoch=epoch,
                train_loss=metrics.train_loss,
                valid_loss=metrics.valid_loss,
                error_rate=metrics.error_rate,
                seconds=metrics.seconds,
            ),
        )


def _valid_index(plan: Plan, fold: int) -> np.ndarray:
    """The main network is watched on the hold-out; fold networks go unwatched, which saves their time."""
    return np.flatnonzero(plan.held_out) if fold == WHOLE else np.empty(0, dtype=np.int64)


def _position(plan: Plan, fold: int, progress: TrainingProgress) -> tuple[str, int, int]:
    """Stage in words, and images seen of all images that all networks will see."""
    sizes = [len(plan.train_index(network)) * progress.epochs for network in plan.networks]
    before = plan.networks.index(fold)
    which = "the network" if fold == WHOLE else f"fold {fold + 1} of {plan.recipe.folds}"
    stage = f"Training {which}: epoch {progress.epoch} of {progress.epochs}, batch {progress.batch} of {progress.batches}"
    return stage, int(sum(sizes[:before]) + progress.fraction * sizes[before]), sum(sizes)


def _rank(context: JobContext, plan: Plan, images: np.memmap, *, early: int | None = None) -> None:
    """Judge every label and store the ranking; `early` is the number of epochs of a training that still goes on.

    Where there are folds, the word of the network that never saw a sample is the only one that counts.
    """
    n = len(plan.samples.paths)
    main = plan.folder_of(WHOLE)
    epochs = early or len(load_checkpoint(main).history)
    said = _judge(context, plan, images, WHOLE, np.arange(n))
    along = list(read_epochs(main, epochs))
    others = _parents_word(context, plan)
    margins = default_margin(said, along, plan.samples.labels, others)
    shown = mean_log_probs([said, *along[len(along) // 4 :]])
    for fold in range(plan.recipe.folds) if early is None else ():
        index = plan.fold_index(fold)
        if len(index):
            shown[index] = _judge(context, plan, images, fold, index)
            margins[index] = normalized_margin(shown[index], plan.samples.labels[index])
    shown[plan.held_out] = said[plan.held_out]  # the error rate is that of the network itself
    rows = ranking_rows(
        plan.run_id,
        sample_ids=plan.samples.sample_ids,
        paths=plan.samples.paths,
        labels=plan.samples.labels,
        log_probs=shown,
        quality=quality_by_class(margins, plan.samples.labels),
        folds=plan.folds,
    )
    store_ranking(context.database, run_id=plan.run_id, rows=rows, epochs=epochs)


def _parents_word(context: JobContext, plan: Plan) -> list[tuple[np.ndarray, float]]:
    """What the parent run said, and the number of epochs it counts as.

    The child begins with a network that has seen the labels many times already, so its own few epochs say less.
    """
    if plan.parent_run is None:
        return []
    with context.database.read() as session:
        epochs = get_run(session, run_id=plan.parent_run).ranked_epochs or 1
        said = log_probs_of(session, run_id=plan.parent_run, sample_ids=plan.samples.sample_ids, classes=len(plan.names))
    return [(said, float(epochs))]


def _judge(context: JobContext, plan: Plan, images: np.memmap, fold: int, index: np.ndarray) -> np.ndarray:
    def on_progress(done: int, total: int) -> None:
        context.report("Looking at every image", done, total)

    return predict_log_probs(plan.folder_of(fold), images, index, should_stop=context.should_stop, on_progress=on_progress)


def is_early(epoch: int, epochs: int) -> bool:
    """Whether a first training stops after this epoch to rank: after 2, 4, 8… epochs, but not at its end."""
    return 2 <= epoch < epochs and epoch.bit_count() == 1  # noqa: PLR2004


def _network(fold: int) -> str:
    return "main" if fold == WHOLE else f"fold-{fold}"
