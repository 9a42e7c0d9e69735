"""A run starts, reports its epochs and ends: finished, failed or cancelled."""

from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.accounts.activity import tell
from app.datasets.catalog import IMPORT
from app.datasets.models import Dataset
from app.datasets.sources import cancel_import
from app.db.types import now
from app.errors import Conflict
from app.jobs import requests as jobs
from app.jobs.models import Job
from app.jobs.webhooks import announce
from app.training.models import Epoch, Run
from app.training.runs import get_run


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
