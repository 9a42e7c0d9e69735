"""The job that trains a run's networks, ranks the labels and draws the learning-rate curve.

Its steps are durable: after a crash finished steps are not repeated, and the interrupted one resumes from its
own files (decoded images, checkpoints per epoch).
"""

import logging
from functools import partial

import fastai
import numpy as np
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from app.errors import Cancelled, Invalid
from app.jobs.engine import JobContext
from app.jobs.requests import is_next_waiting
from app.measuring.evaluations import evaluate_run
from app.ml.checkpoints import EpochMetrics
from app.ml.device import keep_freed_memory, usable_cores, use_threads
from app.ml.finder import find_learning_rate
from app.ml.images import Images
from app.ml.trainer import train
from app.ml.watch import TrainingProgress
from app.tasks import load_network
from app.tasks.ending import end, ending_badly
from app.tasks.images import TrainingImages, prepare
from app.tasks.machine import machine_facts
from app.tasks.plan import Plan, make_plan, network_name
from app.tasks.ranking import is_early, rank
from app.training.ending import record_epoch, start_run
from app.training.folds import WHOLE
from app.training.models import Epoch, Run
from app.training.phases import DRAWS, TRAINS
from app.training.recipes import misses_classes, weight_words
from app.training.runs import get_run

log = logging.getLogger(__name__)
CURVE_TRIES = 1  # restarts during it

DRAWING = f"{DRAWS}; drawing the learning-rate curve"
CURVE_BATCHES = 60  # of the curve of loss against learning rate


def run(context: JobContext) -> None:
    """Train, predict, rank; a run ends as its job does."""
    run_id = int(context.job.arguments["run"])
    with context.database.write() as session:
        if (
            session.scalar(select(Run.job_id).where(Run.id == run_id)) != context.job.id
        ):  # it was resumed under another
            return
        started = start_run(session, run_id=run_id)
    cut_off = (
        started.state == "finished" and started.lr_curve is None
    )  # its finished steps are given as they were stored
    if started.state != "running" and not cut_off:
        return
    with ending_badly(context, run_id, kept="the last checkpoint is kept"):
        plan = make_plan(context, started)
        load_network(plan.recipe.network)
        with keep_freed_memory():
            prepared = prepare(context, plan)
            note = _train_and_rank(context, prepared)
    end(context, run_id, "finished", note)
    if plan.start.kind != "parent":
        with (
            keep_freed_memory()
        ):  # it trains as well: without this the worker keeps its memory until the next run
            _draw_curve(context, prepared)


def _draw_curve(context: JobContext, prepared: TrainingImages) -> None:
    """Draw the learning-rate curve, which is only shown; the run is finished and reviewed without it.

    A training that waits comes first: then the curve is left out.
    """
    plan = prepared.plan
    if context.job.fruitless_starts > CURVE_TRIES:
        log.warning("run %s: its learning-rate curve took the worker down; it is left out", plan.run_id)
        return
    try:
        context.step("learning rate", lambda: _find_learning_rate(context, prepared.plan, prepared.images))
    except Cancelled:
        if context.should_stop():
            raise
        log.info("run %s: its learning-rate curve is left out, because a training waits", plan.run_id)
    except Exception:
        log.exception("run %s: its learning-rate curve could not be drawn; it is left out", plan.run_id)


def _train_and_rank(context: JobContext, prepared: TrainingImages) -> str:
    plan, images = prepared.plan, prepared.images
    threads = use_threads(context.settings.worker_threads or usable_cores())
    _store_facts(context, plan.run_id, threads, prepared.untrained)
    notes: list[str] = [prepared.note] if prepared.note else []
    for fold in plan.networks:
        if not len(plan.train_index(fold)):
            raise Invalid(
                f"There are too few different training images for {plan.recipe.folds} folds; import more."
            )
        if fold == WHOLE or len(plan.fold_index(fold)):
            notes += context.step(f"train {network_name(fold)}", partial(_train, context, plan, images, fold))
    context.step("rank", lambda: rank(context, plan, images))
    if misses_classes(plan.recipe, plan.names):
        notes.append(weight_words(plan.recipe, plan.names))
    with context.database.read() as session:
        notes += evaluate_run(session, run_id=plan.run_id).words
    return " ".join(dict.fromkeys(notes))


def _store_facts(context: JobContext, run_id: int, threads: int, untrained: list[int]) -> None:
    facts = machine_facts(context, threads=threads) | {"fastai": fastai.__version__, "untrained": untrained}
    with context.database.write() as session:
        run = get_run(session, run_id=run_id)
        run.facts = run.facts | facts  # a training that goes on keeps what is known of its ranking


def _find_learning_rate(context: JobContext, plan: Plan, images: Images) -> None:
    def should_stop() -> bool:
        with context.database.read() as session:
            return context.should_stop() or is_next_waiting(session, context.job)

    found = find_learning_rate(
        images,
        plan.samples.labels,
        train_index=plan.train_index(WHOLE),
        class_names=plan.names,
        recipe=plan.recipe,
        start=plan.start,
        seed=plan.seed,
        batches=CURVE_BATCHES,
        should_stop=should_stop,
        on_progress=lambda done, total: context.report(DRAWING, done, total),
    )
    with context.database.write() as session:
        get_run(session, run_id=plan.run_id).lr_curve = {
            "lrs": [float(x) for x in found.rates],
            "losses": [float(x) for x in found.losses],
            "suggestion": found.suggestion,
        }


def _train(context: JobContext, plan: Plan, images: Images, fold: int) -> list[str]:
    """Train one network to its end; return notes for people."""
    stored = 0

    def on_progress(progress: TrainingProgress) -> None:
        if stored < len(progress.history):
            take_in(progress)
        # last, so that a ranking after a resume is not reported behind the batch that comes after it
        _report(context, *_position(plan, fold, progress))

    def take_in(progress: TrainingProgress) -> None:
        nonlocal stored
        try:
            while stored < len(progress.history):
                _record(context, plan, fold, stored, progress.history[stored])
                stored += 1
        except OperationalError:  # the next report, or the end, tries again
            log.warning("run %s: an epoch could not be stored", plan.run_id, exc_info=True)
            return
        if fold == WHOLE and plan.is_first and is_early(stored, progress.epochs):
            _rank_early(context, plan, images)

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


def _report(context: JobContext, stage: str, done: int, total: int) -> None:
    try:
        context.report(stage, done, total)
    except OperationalError:  # a short outage of the database must not end hours of training
        log.warning("run %s: its progress could not be stored", context.job.arguments["run"], exc_info=True)


def _rank_early(context: JobContext, plan: Plan, images: Images) -> None:
    try:
        rank(context, plan, images, early=True)
    except Cancelled:
        raise
    except Exception:
        log.exception("run %s: the early ranking failed; the training continues", plan.run_id)


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
    """The rows of the validation: for the main network the hold-out without the gold part.

    The recipe may choose an epoch by it. Fold networks have none, which saves time.
    """
    return np.flatnonzero(plan.held_out & ~plan.gold) if fold == WHOLE else np.empty(0, dtype=np.int64)


def _position(plan: Plan, fold: int, progress: TrainingProgress) -> tuple[str, int, int]:
    """Stage in words, and images seen of all images that all networks will see."""
    sizes = [len(plan.train_index(network)) * progress.epochs for network in plan.networks]
    before = plan.networks.index(fold)
    which = "the network" if fold == WHOLE else f"fold {fold + 1} of {plan.recipe.folds}"
    epoch = f"epoch {progress.epoch} of {progress.epochs}"
    stage = f"{TRAINS} {which}: {epoch}, batch {progress.batch} of {progress.batches}"
    return stage, int(sum(sizes[:before]) + progress.fraction * sizes[before]), sum(sizes)
