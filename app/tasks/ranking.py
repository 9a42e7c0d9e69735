"""The step of a training job that scores every label and stores the ranking."""

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TypeVar

import numpy as np

from app.datasets.gold import HOLD_OUT
from app.jobs.engine import JobContext
from app.ml.checkpoints import load as load_checkpoint
from app.ml.dynamics import read_epochs
from app.ml.errors import TrainingFailed
from app.ml.images import Images
from app.ml.scorer import Judgement, judge
from app.ranking.behind import compare_with_first_look
from app.ranking.embeddings import write_embedding
from app.ranking.networks import hear
from app.ranking.opinions import Opinion
from app.ranking.rankings import ranking_rows, stage_ranking
from app.ranking.starting import start
from app.review.issues import publish
from app.rounds.movement import count_movement, to_keep
from app.tasks.opinions import LOOK, PARENT, own_opinion, read_opinion, sources_beside
from app.tasks.plan import Plan
from app.training.evaluation import calibrate
from app.training.folds import WHOLE
from app.training.phases import PREDICTS, RANKS_EARLY
from app.training.runs import BESIDE_FIRST_LOOK, get_run

log = logging.getLogger(__name__)
T = TypeVar("T")

DIMENSIONS = 64  # of the embedding; more do not improve the neighbours


def rank(context: JobContext, plan: Plan, images: Images, *, early: bool = False) -> None:
    """Score every label and store the ranking; `early` is a ranking during the training.

    With folds, only the network that never saw a sample counts for it.
    """
    n = len(plan.samples.paths)
    main = plan.folder_of(WHOLE)
    history = load_checkpoint(main).history
    folds = {} if early else {fold: plan.fold_index(fold) for fold in range(plan.recipe.folds)}
    progress = _Progress(context, n + sum(map(len, folds.values())), RANKS_EARLY if early else PREDICTS)
    seen = _judge(progress, plan, images, WHOLE, np.arange(n), dimensions=DIMENSIONS)
    said = seen.log_probs
    outside = np.full_like(said, np.nan)
    for fold, index in folds.items():
        if len(index):
            outside[index] = _judge(progress, plan, images, fold, index).log_probs
    others = _others(context, plan)
    heard = hear(
        said,
        list(read_epochs(main, history[-1].epoch)),
        others=[each.log_probs for each in others if each.kind == PARENT],
        out_of_sample=outside,
    )
    heard.log_probs[plan.held_out] = said[plan.held_out]  # the error rate is that of the network itself
    learnt = ~plan.held_out & ((plan.folds == WHOLE) | early)
    first = start(
        [own_opinion(heard.log_probs, learnt=learnt), *others],
        plan.samples.labels,
        classes=len(plan.names),
        hold_out=plan.held_out,
        silent=plan.gold,
        unjudged=np.isin(plan.samples.labels, plan.untrained),  # the network cannot know these labels
    )
    rows = ranking_rows(
        plan.run_id,
        sample_ids=plan.samples.sample_ids,
        paths=plan.samples.paths,
        labels=plan.samples.labels,
        log_probs=heard.log_probs,
        quality=first.label_quality,
        disagreement=heard.disagreement,
        error_probability=first.error_probability,
        folds=plan.folds,
    )
    temperature = (
        {} if early else _unless_it_fails(plan, "temperature", lambda: _temperature(plan, said)) or {}
    )
    looks = [each.log_probs for each in others if each.kind == LOOK]
    behind = (
        compare_with_first_look(
            heard.log_probs, looks[0], plan.samples.labels, hold_out=plan.held_out & ~plan.gold
        )
        if looks
        else None
    )
    stage_ranking(context.database, run_id=plan.run_id, rows=rows)
    _keep_embedding(plan, seen)
    with context.database.write() as session:
        publish(session, run_id=plan.run_id, epochs=len(history))
        run = get_run(session, run_id=plan.run_id)
        run.is_behind = behind is not None and behind.is_behind
        run.facts = (
            run.facts
            | ({BESIDE_FIRST_LOOK: asdict(behind)} if behind else {})
            | {"class_noise": dict(zip(plan.names, map(float, first.noise.round(4)), strict=True))}
            | temperature
        )
    if not early:
        _unless_it_fails(plan, "movement", lambda: _keep_movement(context, plan.run_id))


def _unless_it_fails(plan: Plan, what: str, make: Callable[[], T]) -> T | None:
    """A figure of the run; None if it fails, because the ranking is more important."""
    try:
        return make()
    except Exception:
        log.exception("run %s: its %s could not be made; it is left out", plan.run_id, what)
        return None


def _temperature(plan: Plan, said: np.ndarray) -> dict[str, float]:
    """The temperature for the hold-out, and its calibration error; empty if the hold-out is too small."""
    held = np.array(plan.samples.splits) == HOLD_OUT
    found = calibrate(said[held], plan.samples.labels[held])
    return {"temperature": round(found[0], 4), "calibration_error_after": round(found[1], 4)} if found else {}


def _keep_movement(context: JobContext, run_id: int) -> None:
    with context.database.read() as session:
        moved = count_movement(session, run=get_run(session, run_id=run_id))
    if moved is not None:
        with context.database.write() as session:
            run = get_run(session, run_id=run_id)
            run.facts = run.facts | to_keep(moved)


def _keep_embedding(plan: Plan, seen: Judgement) -> None:
    try:
        write_embedding(plan.folder, sample_ids=plan.samples.sample_ids, vectors=seen.embedding)
    except (TrainingFailed, OSError):  # a ranking is worth more than the nearest samples beside it
        log.exception("run %s: its embedding could not be stored", plan.run_id)


def _others(context: JobContext, plan: Plan) -> list[Opinion]:
    """What the runs beside this one say of the same samples."""
    with context.database.read() as session:
        return [
            read_opinion(
                session,
                source,
                sample_ids=plan.samples.sample_ids,
                labels=plan.samples.labels,
                classes=len(plan.names),
            )
            for source in sources_beside(session, get_run(session, run_id=plan.run_id))
        ]


@dataclass
class _Progress:
    """Reports one phase over the predictions of all networks."""

    context: JobContext
    total: int  # images, each counted for every network that predicts it
    stage: str
    before: int = 0  # images of the networks that have finished

    def report(self, done: int, _total: int) -> None:
        """The present network has predicted so many."""
        self.context.report(self.stage, self.before + done, self.total)


def _judge(
    progress: _Progress, plan: Plan, images: Images, fold: int, index: np.ndarray, *, dimensions: int = 0
) -> Judgement:
    found = judge(
        plan.folder_of(fold),
        images,
        index,
        dimensions=dimensions,
        should_stop=progress.context.should_stop,
        on_progress=progress.report,
    )
    progress.before += len(index)
    return found


def is_early(epoch: int, epochs: int) -> bool:
    """Whether a first training stops after this epoch to rank: after 2, 4, 8… epochs, but not at its end."""
    return 2 <= epoch < epochs and epoch.bit_count() == 1  # noqa: PLR2004
