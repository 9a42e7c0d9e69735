"""How far a run is: the share done, the time left, what it waits for."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.types import now
from app.jobs import requests as jobs
from app.jobs.models import Job
from app.ml.recipes import recipe_from_json
from app.training import first_looks
from app.training.models import Epoch, Run
from app.training.pace import epochs_share, expect_run, seconds_left
from app.training.phases import LOOKS, TRAINS, share_done
from app.training.runs import OWN_TASK, TASK, current_ranking, get_run

SURE = 0.03  # finished share of the training that is enough to estimate the rest


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
    is_reviewed: bool  # the review goes by its ranking, which some of its epochs have made
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


def run_progress(session: Session, *, run_id: int) -> RunProgress:
    """The progress of a run, from its job and its finished epochs."""
    run = get_run(session, run_id=run_id)
    job = session.get(Job, run.job_id) if run.job_id else None
    ranking = current_ranking(session, dataset_id=run.dataset_id) if run.ranked_epochs else None
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
        is_reviewed=ranking is not None and ranking.run_id == run.id,
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
