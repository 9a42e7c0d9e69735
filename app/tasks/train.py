"""The job that trains a run's networks, lets each judge what it did not train on, and stores the ranking.

Its steps are durable: after a crash the finished ones are not repeated, and the one that was cut off goes on from its own
files (decoded images, epoch checkpoints).
"""

import hashlib
import platform
from dataclasses import dataclass
from functools import partial
from itertools import islice
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
from app.ml.device import choose_device, low_precision, usable_cores, use_threads
from app.ml.finder import find_learning_rate
from app.ml.images import prepare_images
from app.ml.recipes import Recipe, StartFrom, recipe_from_json
from app.ml.scorer import predict_log_probs
from app.ml.trainer import train
from app.ml.watch import TrainingProgress
from app.ranking.rankings import BATCH, add_to_ranking, clear_ranking, ranking_rows
from app.storage import open_source
from app.training.folds import WHOLE, assign_folds
from app.training.models import Epoch, Run
from app.training.runs import end_run, get_run, record_epoch, start_run

HOLD_OUT = ("valid", "test")  # never trained on


@dataclass(frozen=True)
class Plan:
    """Everything a run needs, read once; arrays are over all samples of its version."""

    run_id: int
    dataset_id: int
    source: str
    names: tuple[str, ...]
    samples: VersionSamples
    folds: np.ndarray  # (n,) the fold of a training sample, WHOLE for the hold-out
    recipe: Recipe
    start: StartFrom
    parent: Path | None  # its run folder, if the fold networks can go on from it too
    seed: int
    folder: Path
    cache: Path

    @property
    def networks(self) -> list[int]:
        """The networks to train: the one on everything, then one per fold."""
        return [WHOLE, *range(self.recipe.folds)]

    def train_index(self, fold: int) -> np.ndarray:
        """Rows that the fold's network trains on."""
        return np.flatnonzero((self.folds != WHOLE) & (self.folds != fold))

    def judged_index(self, fold: int) -> np.ndarray:
        """Rows that the fold's network judges: its own fold, or the hold-out."""
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
    _store_facts(context, plan.run_id, use_threads(context.settings.worker_threads or max(1, usable_cores() - 1)))
    images = _prepare(context, plan)
    notes: list[str] = []
    for fold in plan.networks:
        if not len(plan.train_index(fold)):
            raise Invalid(f"There are too few different training images for {plan.recipe.folds} folds; import more.")
        if fold == WHOLE or len(plan.judged_index(fold)):
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
    recipe = recipe_from_json(started.recipe)
    folds = assign_folds(samples.sha256, folds=recipe.folds)
    folds[np.isin(np.array(samples.splits), HOLD_OUT)] = WHOLE
    if not (folds != WHOLE).any():
        raise Invalid("This data set has no training part; put images into a folder named train and import again.")
    parent_folder = settings.runs_dir / str(parent.id) if parent else None
    start = StartFrom.from_parent(parent_folder / _network(WHOLE)) if parent_folder else StartFrom.from_setting(started.weights)
    return Plan(
        run_id=started.id,
        dataset_id=dataset.id,
        source=dataset.source,
        names=names,
        samples=samples,
        folds=folds,
        recipe=recipe,
        start=start,
        parent=parent_folder,
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
        while stored < len(progress.history):
            _record(context, plan, fold, stored, progress.history[stored])
            stored += 1

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
    return plan.judged_index(WHOLE) if fold == WHOLE else np.empty(0, dtype=np.int64)


def _position(plan: Plan, fold: int, progress: TrainingProgress) -> tuple[str, int, int]:
    """Stage in words, and images seen of all images that all networks will see."""
    sizes = [len(plan.train_index(network)) * progress.epochs for network in plan.networks]
    before = plan.networks.index(fold)
    which = "the network" if fold == WHOLE else f"fold {fold + 1} of {plan.recipe.folds}"
    stage = f"Training {which}: epoch {progress.epoch} of {progress.epochs}, batch {progress.batch} of {progress.batches}"
    return stage, int(sum(sizes[:before]) + progress.fraction * sizes[before]), sum(sizes)


def _rank(context: JobContext, plan: Plan, images: np.memmap) -> None:
    """Every sample judged by a network that never saw it."""
    n = len(plan.samples.paths)
    log_probs = np.zeros((n, len(plan.names)), dtype=np.float32)
    judged = 0

    def on_progress(done: int, _total: int) -> None:
        context.report("Looking at every image", judged + done, n)

    for fold in plan.networks:
        index = plan.judged_index(fold)
        if not len(index):
            continue
        log_probs[index] = predict_log_probs(plan.folder_of(fold), images, index, should_stop=context.should_stop, on_progress=on_progress)
        judged += len(index)
    rows = ranking_rows(
        plan.run_id,
        sample_ids=plan.samples.sample_ids,
        paths=plan.samples.paths,
        labels=plan.samples.labels,
        log_probs=log_probs,
        folds=plan.folds,
    )
    with context.database.write() as session:
        clear_ranking(session, run_id=plan.run_id)  # a first try may have stored a part
    while batch := list(islice(rows, BATCH)):  # short transactions, so that nobody's decision waits
        with context.database.write() as session:
            add_to_ranking(session, rows=batch)


def _network(fold: int) -> str:
    return "main" if fold == WHOLE else f"fold-{fold}"
