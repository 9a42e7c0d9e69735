"""Jobs: imports and runs, as the worker sees them."""

from datetime import datetime

from app.jobs.requests import get_job
from app.training import runs
from app.web.api.models import Output
from app.web.api.routing import api_router
from app.web.deps import Admin, Db

router = api_router("jobs")


class JobOut(Output):
    """A job and how far it is."""

    id: str
    task: str
    state: str
    stage: str
    done: int
    total: int
    message: str
    cancel_requested: bool
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@router.get("/jobs/{job_id}")
def show_job(job_id: str, database: Db) -> JobOut:
    """How far a job is."""
    with database.read() as session:
        return JobOut.model_validate(get_job(session, job_id=job_id))


@router.post("/jobs/{job_id}/cancel")
def cancel_job(job_id: str, database: Db, _user: Admin) -> JobOut:
    """Ask a job to stop; what it has done so far is kept."""
    with database.write() as session:
        return JobOut.model_validate(runs.cancel_job(session, job_id=job_id))
