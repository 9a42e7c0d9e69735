"""Request, watch and cancel jobs, in the caller's transaction."""

import uuid
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from app.db.types import now
from app.errors import Conflict, NotFound
from app.jobs.models import Job, Worker

OPEN_STATES = ("queued", "running")
WORKER_SILENCE = timedelta(seconds=30)  # heartbeats come every second
REMEMBERED = timedelta(days=7)  # how long a worker that is gone is shown
MOST_WORKERS = 20


def ask(
    session: Session, *, task: str, dataset_id: int | None, arguments: dict[str, Any], user_id: int | None
) -> Job:
    """Request a new job; it is queued when the caller's transaction is committed."""
    job = Job(id=str(uuid.uuid4()), task=task, dataset_id=dataset_id, arguments=arguments, user_id=user_id)
    session.add(job)
    session.flush()
    return job


def get_job(session: Session, *, job_id: str) -> Job:
    """Raises NotFound."""
    job = session.get(Job, job_id)
    if job is None:
        raise NotFound(f"There is no job {job_id}.")
    return job


def list_jobs(
    session: Session,
    *,
    dataset_id: int | None = None,
    task: str | None = None,
    state: str | None = None,
    limit: int = 50,
    offset: int = 0,
    hidden: Collection[int] = (),
) -> list[Job]:
    """The newest jobs first, without those of `hidden` data sets."""
    query = select(Job).order_by(Job.created_at.desc(), Job.id).limit(limit).offset(offset)
    if state is not None:
        query = query.where(Job.state == state)
    if dataset_id is not None:
        query = query.where(Job.dataset_id == dataset_id)
    if hidden:
        query = query.where(or_(Job.dataset_id.is_(None), Job.dataset_id.not_in(hidden)))
    if task is not None:
        query = query.where(Job.task == task)
    return list(session.scalars(query))


def open_job(session: Session, *, dataset_id: int, task: str) -> Job | None:
    """The queued or running job of this kind for the data set, or None."""
    return session.scalar(
        select(Job)
        .where(Job.dataset_id == dataset_id, Job.task == task, Job.state.in_(OPEN_STATES))
        .order_by(Job.created_at)
        .limit(1)
    )


def open_jobs(session: Session, *, tasks: Collection[str]) -> list[Job]:
    """The queued and running jobs of these kinds, the oldest first."""
    query = select(Job).where(Job.state.in_(OPEN_STATES), Job.task.in_(tasks))
    return list(session.scalars(query.order_by(Job.created_at, Job.id)))


def ended_jobs(session: Session, *, tasks: Collection[str], job_ids: Collection[str]) -> list[Job]:
    """Those of these jobs that have ended."""
    query = select(Job).where(Job.id.in_(job_ids), Job.task.in_(tasks), ~Job.state.in_(OPEN_STATES))
    return list(session.scalars(query.order_by(Job.id)))


def count_unfinished(session: Session) -> dict[tuple[str, str], int]:
    """How many jobs of each kind are queued and running, by task and state."""
    query = select(Job.task, Job.state, func.count()).where(Job.state.in_(OPEN_STATES))
    rows = session.execute(query.group_by(Job.task, Job.state)).all()
    return {(task, state): count for task, state, count in rows}


def queue_position(session: Session, job: Job) -> int:
    """How many jobs of its kind run or wait before this one; 0: it is next, or runs.

    Each kind has its own queue.
    """
    if job.state != "queued":
        return 0
    before = (
        select(func.count())
        .select_from(Job)
        .where(Job.task == job.task, Job.state.in_(OPEN_STATES), Job.created_at < job.created_at)
    )
    return session.scalar(before) or 0


def cancel(session: Session, *, job_id: str) -> Job:
    """Cancel a job: a queued job stops at once, a running one at its next step.

    Raises Conflict when it has ended.
    """
    stopped = session.execute(
        update(Job)
        .where(Job.id == job_id, Job.state == "queued")
        .values(state="cancelled", cancel_requested=True, finished_at=now())
    )
    if not stopped.rowcount:  # type: ignore[attr-defined]
        asked = session.execute(
            update(Job).where(Job.id == job_id, Job.state == "running").values(cancel_requested=True)
        )
        job = get_job(session, job_id=job_id)
        if not asked.rowcount:  # type: ignore[attr-defined]
            raise Conflict(f"This job has already ended ({job.state}); there is nothing left to cancel.")
    job = get_job(session, job_id=job_id)
    session.refresh(job)
    return job


def start(session: Session, *, job_id: str, mark: str = "") -> bool:
    """Mark a job as running; False when it was cancelled before, or has ended.

    A restart after a crash calls it again. `mark` is what the job has saved so far: if a restart has the same
    mark, the previous start was fruitless.
    """
    claimed = session.execute(
        update(Job)
        .where(Job.id == job_id, Job.state.in_(OPEN_STATES))
        .values(state="running", started_at=func.coalesce(Job.started_at, now()), updated_at=now())
    )
    if not claimed.rowcount:  # type: ignore[attr-defined]
        return False
    job = get_job(session, job_id=job_id)
    session.refresh(job)
    job.fruitless_starts = job.fruitless_starts + 1 if job.progress_mark == mark else 0
    job.progress_mark = mark
    session.flush()
    return True


def stopped(session: Session, *, job_ids: Collection[str]) -> None:
    """Record that a person stopped these jobs with their worker: their next start counts as the first."""
    session.execute(update(Job).where(Job.id.in_(job_ids)).values(progress_mark=None))


def report(session: Session, *, job_id: str, stage: str, done: int, total: int) -> bool:
    """Store the progress of a job; return whether it was cancelled."""
    session.execute(
        update(Job).where(Job.id == job_id).values(stage=stage, done=done, total=total, updated_at=now())
    )
    return bool(session.scalar(select(Job.cancel_requested).where(Job.id == job_id)))


def finish(session: Session, *, job_id: str, state: str, message: str = "") -> None:
    """Record the end of a job: finished, failed or cancelled; only the first call counts."""
    session.execute(
        update(Job)
        .where(Job.id == job_id, Job.state.in_(OPEN_STATES))
        .values(state=state, message=message, finished_at=now(), updated_at=now())
    )


def queued_jobs(session: Session) -> list[Job]:
    """Every job that waits, oldest first."""
    return list(session.scalars(select(Job).where(Job.state == "queued").order_by(Job.created_at, Job.id)))


def is_next_waiting(session: Session, job: Job) -> bool:
    """Whether another job of its kind waits."""
    others = select(Job.id).where(Job.state == "queued", Job.task == job.task, Job.id != job.id)
    return session.scalar(others.limit(1)) is not None


def beat(session: Session, *, worker_id: str, started_at: datetime) -> None:
    """Record a heartbeat of a worker."""
    worker = session.get(Worker, worker_id) or Worker(id=worker_id, started_at=started_at)
    worker.started_at, worker.seen_at = started_at, now()
    session.add(worker)


def silent(session: Session, *, worker_id: str) -> None:
    """Record that a worker ends."""
    session.execute(update(Worker).where(Worker.id == worker_id).values(seen_at=now() - 2 * WORKER_SILENCE))


def known_workers(session: Session) -> list[Worker]:
    """The workers that were there within the last week, those with the newest heartbeat first."""
    newest = select(Worker).where(Worker.seen_at > now() - REMEMBERED).order_by(Worker.seen_at.desc())
    return list(session.scalars(newest.limit(MOST_WORKERS)))


def live_workers(session: Session) -> list[Worker]:
    """The workers with a recent heartbeat."""
    return list(
        session.scalars(select(Worker).where(Worker.seen_at > now() - WORKER_SILENCE).order_by(Worker.id))
    )
