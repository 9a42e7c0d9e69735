"""Runs: they are requested, started, reported and ended."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, case, func, or_, select, update
from sqlalchemy.orm import Session

from app.accounts.activity import tell
from app.datasets.catalog import IMPORT, class_names, lock_dataset, refuse_archived, refuse_deleted
from app.datasets.gold import get_gold_part
from app.datasets.models import Dataset, DatasetVersion
from app.datasets.sources import cancel_import
from app.db.compiled import Prepared
from app.db.memory import remember
from app.db.types import now
from app.errors import Conflict, Invalid, NotFound, NotNow
from app.jobs import requests as jobs
from app.jobs.models import Job
from app.jobs.webhooks import announce
from app.ml.recipes import Recipe, recipe_from_json, to_json
from app.training import first_looks
from app.training.models import FIRST_LOOK, OWN_MODEL, TRAINING, Epoch, Run
from app.training.names import model_name
from app.training.numbers import next_number
from app.training.pace import BEFORE, epochs_share, expect_run, seconds_left
from app.training.phases import LOOKS, TRAINS, share_done
from app.training.recipes import choose_recipe, edit
from app.training.starts import choose_start, facts_of_start, weights_of

TASK, OWN_TASK = "train", "own model"
BESIDE_FIRST_LOOK = "beside_first_look"  # in the facts of a run: its errors and those of the first look
NETWORK_DELETED = "network_deleted"  # in the facts of a run: when its checkpoints were deleted
RESUMABLE = ("cancelled", "failed")
SURE = 0.03  # finished share of the training that is enough to estimate the rest

IS_TRAINING = Run.kind == TRAINING

# Which run's ranking people review: of those with one, the first in this order.
HAS_RANKING = or_(Run.state == "finished", Run.ranked_epochs.is_not(None))
REVIEWED_FIRST = (
    case((Run.is_behind, 1), else_=0),
    case((and_(Run.state == "finished", Run.kind != FIRST_LOOK), 0), (Run.state == "finished", 1), else_=2),
    case((Run.state == "finished", Run.finished_at)).desc(),
    Run.id.desc(),
)

# Every decision runs this several times, so it is built once: building takes longer than running.
_CURRENT = Prepared(
    select(
        Run.id,
        Run.number,
        func.coalesce(Run.ranked_epochs, 0),
        func.coalesce(Run.label_issues, 0),
        DatasetVersion.samples,
        Run.orders,
    )
    .join(DatasetVersion, DatasetVersion.id == Run.version_id)
    .where(Run.dataset_id == bindparam("dataset_id"), HAS_RANKING)
    .order_by(*REVIEWED_FIRST)
    .limit(1)
)
_OPEN = (
    select(Run.id)
    .where(
        Run.dataset_id == bindparam("dataset_id"), or_(*(Run.state == state for state in jobs.OPEN_STATES))
    )
    .limit(1)
)
_OPEN_RUN, _OPEN_TRAINING = Prepared(_OPEN), Prepared(_OPEN.where(IS_TRAINING))


@dataclass(frozen=True)
class CurrentRanking:
    """What the review needs to know about the run whose ranking it shows."""

    run_id: int
    number: int  # of its model
    epochs: int  # epochs in the ranking; grows during a first training
    label_issues: int  # samples whose label looks wrong
    samples: int
    order: int = 0  # number of the order that its worklist has learnt from answers; 0: the ranking's own

    @property
    def model(self) -> str:
        """What people call its model."""
        return model_name(self.number)

    @property
    def name(self) -> str:
        """Distinguishes this ranking and its order from earlier ones."""
        return f"{self.run_id}.{self.epochs}" + (f".{self.order}" if self.order else "")


@dataclass(frozen=True)
class RunProgress:
    """The progress of a run, for the page and the command line."""

    run_id: int
    name: str  # of its model
    is_training: bool  # not a first look or an own model
    kind: str
    job_id: str | None
    state: str
    stage: str
    done: int
    total: int
    share: float  # of the whole job, over all its phases; it never falls
    seconds_left: float | None  # once it has begun
    queue_position: int
    drawing: tuple[
        str, ...
    ]  # finished models before it in the queue whose learning-rate curve is being drawn
    no_worker: bool  # it is queued, and no worker runs
    message: str
    cancel_requested: bool
    ranked_epochs: int | None  # epochs in its ranking; None before the first ranking
    epochs: tuple[Epoch, ...]

    @property
    def waits_for(self) -> str:
        """What a queued run waits for; empty: for the worker alone."""
        trainings = self.queue_position - len(self.drawing)
        if trainings:
            return f"Waiting behind {trainings:,} other training{'' if trainings == 1 else 's'}"
        if self.drawing:
            return f"Waiting until the training of {' and '.join(self.drawing)} ends"
        return ""

    @property
    def is_open(self) -> bool:
        """Whether it is queued or running."""
        return self.state in jobs.OPEN_STATES


def request_run(
    session: Session,
    *,
    dataset_id: int,
    version_id: int,
    recipe: Recipe,
    weights: str,
    parent_id: int | None,
    seed: int,
    user_id: int | None,
    facts: Mapping[str, object] | None = None,
) -> Run:
    """Create a run and the job that trains and ranks; the run stores the digest of the current gold part.

    `facts` are those of its start.

    Raises Conflict when the same run is already queued or running; Invalid when the recipe has another number
    of folds than the parent: a fold's network would then score images that the parent's network trained on.
    """
    lock_dataset(session, dataset_id=dataset_id)
    refuse_archived(session, dataset_id=dataset_id)
    asked: dict[str, Any] = json.loads(to_json(recipe))  # in the form that the database returns
    stored = "parent" if parent_id else weights
    parent = get_run(session, run_id=parent_id, dataset_id=dataset_id) if parent_id else None
    if parent:
        refuse_without_network(parent)
    if parent and recipe.folds and parent.recipe["folds"] != recipe.folds:
        raise Invalid(
            f"{parent.name} has {parent.recipe['folds']} folds and the recipe {recipe.name} has "
            f"{recipe.folds}; retrain with the same number or with none, or choose another start than the "
            "parent."
        )
    for other in session.scalars(
        select(Run).where(Run.dataset_id == dataset_id, Run.state.in_(jobs.OPEN_STATES))
    ):
        known = (other.version_id, other.recipe, other.parent_id, other.weights, other.seed)
        if known == (version_id, asked, parent_id, stored, seed):
            raise NotNow(
                f"{other.name} is already {other.state} with this recipe, version and seed; wait for it, "
                "or cancel it."
            )
    gold = get_gold_part(session, dataset_id=dataset_id)
    run = Run(
        dataset_id=dataset_id,
        number=next_number(session, dataset_id=dataset_id),
        version_id=version_id,
        parent_id=parent_id,
        recipe=asked,
        seed=seed,
        weights=stored,
        facts=dict(facts or {}) | ({"gold": gold.digest} if gold else {}),
    )
    session.add(run)
    session.flush()
    run.job_id = jobs.ask(
        session, task=TASK, dataset_id=dataset_id, arguments={"run": run.id}, user_id=user_id
    ).id
    session.flush()
    return run


def train_anew(
    session: Session,
    *,
    dataset_id: int,
    version_id: int,
    weights: str,
    recipe: str = "default",
    changes: Mapping[str, object] | None = None,
    start: str | None = None,
    seed: int = 0,
    user_id: int | None = None,
) -> Run:
    """Request a run without a parent; `changes` are fields of the recipe, `weights` is the setting.

    Raises Invalid for an invalid recipe, change or start, and the errors of `request_run`.
    """
    begins, chosen = choose_start(start, setting=weights, parent=False), choose_recipe(recipe)
    return request_run(
        session,
        dataset_id=dataset_id,
        version_id=version_id,
        recipe=edit(
            chosen,
            changes or {},
            start=begins,
            class_names=class_names(session, dataset_id=dataset_id),
        ),
        weights=weights_of(begins, setting=weights, recipe=chosen),
        parent_id=None,
        seed=seed,
        user_id=user_id,
        facts=facts_of_start(begins, chosen),
    )


def get_run(session: Session, *, run_id: int, dataset_id: int | None = None) -> Run:
    """The run, which must belong to the data set if one is given. Raises NotFound."""
    run = session.get(Run, run_id)
    if run is None or (dataset_id is not None and run.dataset_id != dataset_id):
        raise NotFound(f"There is no model with the id {run_id} here; the list of models shows all.")
    return run


def visible_run(session: Session, *, run_id: int) -> Run:
    """The run, for people. Raises NotFound also while a run of a deleted data set still stops."""
    run = get_run(session, run_id=run_id)
    refuse_deleted(session, dataset_id=run.dataset_id)
    return run


def finished_run(session: Session, *, run_id: int, dataset_id: int | None = None) -> Run:
    """A finished training. Raises NotFound; Conflict for one that has not finished, or of another kind."""
    run = get_run(session, run_id=run_id, dataset_id=dataset_id)
    if run.kind == OWN_MODEL:
        raise Conflict(
            f"{run.name} is an own model: its predictions are here, its network is not; use a training."
        )
    if not run.is_training:
        raise Conflict(f"{run.name} is a first look, which has no network of its own; use a training.")
    if run.state != "finished":
        wait = (
            "wait until it has finished" if run.state in jobs.OPEN_STATES else "use a model that has finished"
        )
        raise unfinished(run)(f"{run.name} is {run.state}, so it has no network yet; {wait}.")
    refuse_without_network(run)
    return run


def refuse_without_network(run: Run) -> None:
    """Raises Conflict for a run whose checkpoints were deleted."""
    if run.facts.get(NETWORK_DELETED):
        raise Conflict(
            f"The checkpoints of {run.name} were deleted, so its network is gone; use another one, or "
            "train anew."
        )


def unfinished(run: Run) -> type[Conflict]:
    """The error class for an unfinished run: waiting helps as long as the run is queued or running."""
    return NotNow if run.state in jobs.OPEN_STATES else Conflict


def list_runs(session: Session, *, dataset_id: int) -> list[Run]:
    """Runs of all kinds, the newest first."""
    return list(session.scalars(select(Run).where(Run.dataset_id == dataset_id).order_by(Run.id.desc())))


def list_trainings(session: Session, *, dataset_id: int) -> list[Run]:
    """The newest first."""
    return [run for run in list_runs(session, dataset_id=dataset_id) if run.is_training]


def count_runs(session: Session, *, dataset_id: int) -> int:
    """How many runs of all kinds a data set has."""
    return session.scalar(select(func.count()).select_from(Run).where(Run.dataset_id == dataset_id)) or 0


def open_run(session: Session, *, dataset_id: int) -> Run | None:
    """The oldest run that is queued or running."""
    return session.scalar(
        select(Run)
        .where(Run.dataset_id == dataset_id, Run.state.in_(jobs.OPEN_STATES))
        .order_by(Run.id)
        .limit(1)
    )


def ended_last(session: Session, *, dataset_id: int) -> Run | None:
    """The newest run, if it was cancelled or has failed, so that it can be resumed."""
    query = select(Run).where(Run.dataset_id == dataset_id).order_by(Run.id.desc()).limit(1)
    run = session.scalar(query)
    return run if run is not None and run.state in RESUMABLE else None


def count_open(session: Session) -> int:
    """The number of queued and running trainings of all data sets; a new one waits for these."""
    waiting = select(func.count()).select_from(Run).where(IS_TRAINING, Run.state.in_(jobs.OPEN_STATES))
    return session.scalar(waiting) or 0


def is_training(session: Session, *, dataset_id: int) -> bool:
    """Whether a training of the data set is queued or running."""
    return _OPEN_TRAINING.one(session, dataset_id=dataset_id) is not None


def has_open_run(session: Session, *, dataset_id: int) -> bool:
    """Whether a training or a first look of the data set is queued or running."""
    return remember(
        session, (has_open_run, dataset_id), lambda: _OPEN_RUN.one(session, dataset_id=dataset_id) is not None
    )


def newest_finished(session: Session, *, dataset_id: int, before: datetime | None = None) -> Run | None:
    """The training that finished last, now or `before` a moment."""
    query = select(Run).where(Run.dataset_id == dataset_id, IS_TRAINING, Run.state == "finished")
    if before is not None:
        query = query.where(Run.finished_at <= before)
    return session.scalar(query.order_by(Run.finished_at.desc(), Run.id.desc()).limit(1))


def newest_ranked(session: Session, *, dataset_id: int) -> Run | None:
    """The run that is reviewed: the newest finished training or own model, else a first look or early one.

    A training that is behind the first look is not.
    """
    current = current_ranking(session, dataset_id=dataset_id)
    return session.get(Run, current.run_id) if current else None


def current_ranking(session: Session, *, dataset_id: int) -> CurrentRanking | None:
    """The ranking of `newest_ranked`, which people review."""

    def ask() -> CurrentRanking | None:
        row = _CURRENT.one(session, dataset_id=dataset_id)
        return CurrentRanking(*row) if row else None

    return remember(session, (current_ranking, dataset_id), ask)


def version_number(session: Session, run: Run) -> int:
    """The number of the version a run trained on."""
    return session.scalar(select(DatasetVersion.number).where(DatasetVersion.id == run.version_id)) or 0


def run_progress(session: Session, *, run_id: int) -> RunProgress:
    """The progress of a run, from its job and its finished epochs."""
    run = get_run(session, run_id=run_id)
    job = session.get(Job, run.job_id) if run.job_id else None
    epochs = session.scalars(
        select(Epoch).where(Epoch.run_id == run_id).order_by(Epoch.fold, Epoch.epoch)
    ).all()
    return RunProgress(
        run_id=run.id,
        name=run.name,
        is_training=run.is_training,
        kind=run.kind,
        job_id=run.job_id,
        state=run.state,
        stage=job.stage if job else "",
        done=job.done if job else 0,
        total=job.total if job else 0,
        share=_share(run, job, epochs) if job else 0.0,
        seconds_left=_left(session, run, job, epochs) if job else None,
        queue_position=jobs.queue_position(session, job) if job else 0,
        drawing=_drawing_before(session, run, job) if job and job.state == "queued" else (),
        no_worker=run.state == "queued" and not jobs.live_workers(session),
        message=run.note,
        cancel_requested=bool(job and job.cancel_requested),
        ranked_epochs=run.ranked_epochs,
        epochs=tuple(epochs),
    )


def job_share(session: Session, job: Job) -> float | None:
    """How much of a running job is done, over all its phases; None before it has reported anything."""
    if job.state != "running" or not job.total:
        return None
    run = (
        session.get(Run, job.arguments.get("run")) if job.task in (TASK, OWN_TASK, first_looks.TASK) else None
    )
    if run is None:
        return min(1.0, job.done / job.total)
    return _share(run, job, session.scalars(select(Epoch).where(Epoch.run_id == run.id)).all())


def _share(run: Run, job: Job, epochs: Sequence[Epoch]) -> float:
    finished = 0.0
    if run.is_training:
        done = [(epoch.fold, epoch.epoch) for epoch in epochs]
        finished = epochs_share(recipe_from_json(run.recipe), start=run.weights, done=done)
    return share_done(job.stage, job.done, job.total, epochs=finished)


def _drawing_before(session: Session, run: Run, job: Job) -> tuple[str, ...]:
    """Finished models whose job, which still draws their learning-rate curve, comes before that of `run`.

    Those of other data sets have no name here: not everybody may see these.
    """
    query = (
        select(Run)
        .join(Job, Job.id == Run.job_id)
        .where(
            Job.task == job.task,
            Job.state.in_(jobs.OPEN_STATES),
            Job.created_at < job.created_at,
            Run.state == "finished",
        )
    )
    return tuple(
        each.name if each.dataset_id == run.dataset_id else "a model of another data set"
        for each in session.scalars(query.order_by(Run.id))
    )


def _left(session: Session, run: Run, job: Job, epochs: Sequence[Epoch]) -> float | None:
    """Remaining seconds: from finished epochs, else from the time since the start, else from earlier runs."""
    if not run.is_training:
        return _left_of_look(job)
    learns = job.stage.startswith(TRAINS) and job.total > 0
    if run.state not in jobs.OPEN_STATES or (job.state == "running" and epochs and not learns):
        return None
    fraction = job.done / job.total if learns else 0.0
    done = [(epoch.fold, epoch.epoch, epoch.seconds) for epoch in epochs]
    left = seconds_left(recipe_from_json(run.recipe), start=run.weights, done=done, fraction=fraction)
    if left is None and job.started_at and fraction > SURE:  # better than earlier runs
        left = (now() - job.started_at).total_seconds() * (1 - fraction) / fraction
    if left is None and (expected := expect_run(session, run=run)):
        left = expected.seconds * (1 - fraction)
    return left


def _left_of_look(job: Job) -> float | None:
    """Remaining seconds of a first look: from the share of the images that it has seen."""
    if not job.stage.startswith(LOOKS) or not job.started_at or not job.total:
        return None
    fraction = job.done / job.total
    return (now() - job.started_at).total_seconds() * (1 - fraction) / fraction if fraction > SURE else None


def start_run(session: Session, *, run_id: int) -> Run:
    """Mark a run as running; after a crash it keeps its first start time."""
    session.execute(
        update(Run)
        .where(Run.id == run_id, Run.state.in_(jobs.OPEN_STATES))
        .values(state="running", started_at=func.coalesce(Run.started_at, now()))
    )
    return get_run(session, run_id=run_id)


def record_epoch(session: Session, epoch: Epoch) -> None:
    """Store the results of an epoch; an epoch repeated after a crash replaces the first one."""
    session.merge(epoch)


def end_run(session: Session, *, run_id: int, state: str, note: str = "") -> None:
    """Record the end of a run: finished, failed or cancelled; only the first call counts."""
    values: dict[str, Any] = {"state": state, "finished_at": now()}
    if note:
        values["note"] = note
    ended = session.execute(
        update(Run).where(Run.id == run_id, Run.state.in_(jobs.OPEN_STATES)).values(**values)
    )
    if ended.rowcount:  # type: ignore[attr-defined]
        announce_run(session, run_id=run_id, state=state)


def announce_run(session: Session, *, run_id: int, state: str) -> None:
    """Tell webhooks that a run has ended."""
    run = session.get_one(Run, run_id)
    name = session.get_one(Dataset, run.dataset_id).name
    announce(
        session,
        "run.finished",
        dataset=name,
        data={"run": run_id, "number": run.number, "kind": run.kind, "state": state},
    )


def cancel_run(session: Session, *, run_id: int) -> Run:
    """Cancel a run; one that has not begun ends at once. Raises Conflict when it has ended."""
    run = get_run(session, run_id=run_id)
    if run.job_id is None or run.state not in jobs.OPEN_STATES:
        raise Conflict(f"{run.name} has already ended ({run.state}); there is nothing left to cancel.")
    tell(run.name_with_id)
    if jobs.cancel(session, job_id=run.job_id).state == "cancelled":
        end_run(session, run_id=run_id, state="cancelled", note="Cancelled before it began.")
    session.refresh(run)
    return run


def resume_run(session: Session, *, run_id: int, user_id: int | None) -> Run:
    """Queue a cancelled or failed run again, with a new job; it resumes after its last finished epoch.

    Raises Conflict when it is running, queued or finished, or its data set is archived.
    """
    run = get_run(session, run_id=run_id)
    refuse_archived(session, dataset_id=run.dataset_id)
    if run.kind == OWN_MODEL and run.job_id is None:
        raise Conflict(f"{run.name} is an own model; import its file of predictions again.")
    before = (run.finished_at - run.started_at).total_seconds() if run.finished_at and run.started_at else 0.0
    again = session.execute(
        update(Run)
        .where(Run.id == run_id, Run.state.in_(RESUMABLE))
        .values(state="queued", note="", started_at=None, finished_at=None)
    )
    if not again.rowcount:  # type: ignore[attr-defined]
        raise Conflict(f"{run.name} is {run.state}; only a cancelled or failed one can be resumed.")
    session.refresh(run)
    tell(run.name_with_id)
    kept = {name: value for name, value in run.facts.items() if name != NETWORK_DELETED}
    run.facts = kept | {BEFORE: run.facts.get(BEFORE, 0.0) + before}
    run.job_id = jobs.ask(
        session,
        task={FIRST_LOOK: first_looks.TASK, OWN_MODEL: OWN_TASK}.get(run.kind, TASK),
        dataset_id=run.dataset_id,
        arguments={"run": run.id},
        user_id=user_id,
    ).id
    session.flush()
    return run


def cancel_job(session: Session, *, job_id: str) -> Job:
    """Cancel any job, and the run that it works on.

    Raises NotFound, Conflict when it has ended.
    """
    run = session.scalar(select(Run).where(Run.job_id == job_id))
    if (
        run is None or run.state not in jobs.OPEN_STATES
    ):  # the learning-rate curve is drawn after the run's end
        task = jobs.get_job(session, job_id=job_id).task
        stop = cancel_import if task == IMPORT else jobs.cancel
        return stop(session, job_id=job_id)
    cancel_run(session, run_id=run.id)
    return jobs.get_job(session, job_id=job_id)


def give_up(session: Session, *, job_id: str, message: str) -> None:
    """Mark a job that its worker cannot end, and its run, as failed."""
    jobs.finish(session, job_id=job_id, state="failed", message=message)
    run = session.scalar(select(Run).where(Run.job_id == job_id))
    if run:
        end_run(session, run_id=run.id, state="failed", note=message)
