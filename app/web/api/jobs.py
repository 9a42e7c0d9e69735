"""Jobs: imports and runs, as the worker sees them."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Query
from sqlalchemy.orm import Session

from app.datasets.catalog import dataset_names, get_dataset
from app.jobs.models import Job
from app.jobs.requests import get_job, list_jobs
from app.training import ending
from app.web.api.models import Listing, Output
from app.web.api.routing import Cursor, Limit, api_router, following, position
from app.web.deps import Admin, Db, SignedIn

router = api_router("jobs")

State = Literal["queued", "running", "finished", "failed", "cancelled"]


class JobOut(Output):
    """A job and how far it is."""

    id: str
    task: str  # import, look, train, predict and so on
    dataset: str | None
    run: int | None  # that it works for
    state: str  # queued, running, finished, failed, cancelled
    stage: str
    done: int
    total: int
    message: str
    cancel_requested: bool
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@router.get("/jobs")
def index(
    database: Db,
    user: SignedIn,
    dataset: Annotated[str | None, Query(description="Only jobs of this data set.")] = None,
    task: Annotated[str | None, Query(max_length=50, description="Only jobs of this kind.")] = None,
    state: Annotated[State | None, Query(description="Only jobs in this state.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Listing[JobOut]:
    """The jobs, the newest first."""
    start = position(cursor)
    with database.read() as session:
        dataset_id = get_dataset(session, name=dataset).id if dataset is not None else None
        found = list_jobs(
            session,
            dataset_id=dataset_id,
            task=task,
            state=state,
            limit=limit,
            offset=start,
            hidden=user.hidden,
        )
        names = dataset_names(session)
        items = [_out(session, job, names) for job in found]
    return Listing(items=items, next=following(found, limit, start + limit))


@router.get("/jobs/{job_id}")
def show_job(job_id: str, database: Db) -> JobOut:
    """How far a job is."""
    with database.read() as session:
        return _out(session, get_job(session, job_id=job_id))


@router.post("/jobs/{job_id}/cancel")
def cancel_job(job_id: str, database: Db, _user: Admin) -> JobOut:
    """Ask a job to stop; what it has done so far is kept."""
    with database.write() as session:
        return _out(session, ending.cancel_job(session, job_id=job_id))


def _out(session: Session, job: Job, names: dict[int, str] | None = None) -> JobOut:
    if names is None:
        names = dataset_names(session)
    run = job.arguments.get("run")
    return JobOut(
        id=job.id,
        task=job.task,
        dataset=names.get(job.dataset_id or 0),
        run=run if isinstance(run, int) else None,
        state=job.state,
        stage=job.stage,
        done=job.done,
        total=job.total,
        message=job.message,
        cancel_requested=job.cancel_requested,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
    )
