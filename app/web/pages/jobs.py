"""The list of jobs and workers."""

from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.datasets.catalog import list_datasets
from app.jobs.models import Job, Worker
from app.jobs.requests import OPEN_STATES, list_jobs, live_workers
from app.web.deps import Admin, Db
from app.web.rendering import Page, is_fragment, page_context, render

router = APIRouter()


@dataclass(frozen=True)
class JobView:
    """A job, and the name of the data set that it is about."""

    job: Job
    dataset: str | None
    cancel_url: str | None


@dataclass(frozen=True, kw_only=True)
class JobsPage(Page):
    """The newest jobs and the running workers."""

    jobs: tuple[JobView, ...]
    workers: tuple[Worker, ...]


@router.get("/jobs")
def index(request: Request, database: Db, _admin: Admin) -> Response:
    """The newest jobs first."""
    with database.read() as session:
        names = {dataset.id: dataset.name for dataset in list_datasets(session, archived=None)}
        views = tuple(_view(job, names.get(job.dataset_id or 0)) for job in list_jobs(session))
        page = JobsPage(**page_context(request), jobs=views, workers=tuple(live_workers(session)))
    return render("jobs/_list.html" if is_fragment(request) else "jobs/page.html", page)


def _view(job: Job, dataset: str | None) -> JobView:
    is_open = job.state in OPEN_STATES and dataset is not None
    where = {"train": f"models/{job.arguments.get('run')}", "import": "import"}.get(
        job.task
    )  # a look at photos is over in seconds
    return JobView(job, dataset, f"/d/{dataset}/{where}/cancel" if is_open and where else None)
