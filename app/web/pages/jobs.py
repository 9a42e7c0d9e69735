"""The list of jobs and workers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from app.datasets.catalog import dataset_names, list_datasets
from app.jobs.models import Job, Worker
from app.jobs.requests import OPEN_STATES, ended_jobs, list_jobs, live_workers
from app.training.numbers import names_of_models
from app.training.progress import job_share
from app.web.deps import Admin, Db, SignedIn
from app.web.navigation import JOBS, RunningJob, running_job, running_jobs
from app.web.rendering import Page, is_fragment, page_context, render, render_part

router = APIRouter()

NONE: list[str] = []


@dataclass(frozen=True)
class JobView:
    """A job, and the name of the data set that it is about."""

    job: Job
    words: str  # what it does
    dataset: str | None
    url: str | None  # of the page that shows it
    cancel_url: str | None
    share: float | None  # of its work, over all phases


@dataclass(frozen=True, kw_only=True)
class JobsPage(Page):
    """The newest jobs and the running workers."""

    jobs: tuple[JobView, ...]
    workers: tuple[Worker, ...]


@dataclass(frozen=True, kw_only=True)
class JobsNowPage(Page):
    """The jobs that run or wait, and those of a page that have ended."""

    jobs: tuple[RunningJob, ...]
    ended: tuple[RunningJob, ...]


@router.get("/jobs")
def index(request: Request, database: Db, _admin: Admin) -> Response:
    """The newest jobs first."""
    with database.read() as session:
        views = views_of(session, list_jobs(session))
        page = JobsPage(**page_context(request), jobs=views, workers=tuple(live_workers(session)))
    return render("jobs/_list.html" if is_fragment(request) else "jobs/page.html", page)


@router.get("/jobs/now")
def now(
    request: Request, database: Db, user: SignedIn, known: Annotated[list[str], Query(max_length=20)] = NONE
) -> Response:
    """What runs, for the header of every page, and which of the jobs that a page knew has ended."""
    with database.read() as session:
        names = dataset_names(session)
        ended = tuple(
            running_job(job, names.get(job.dataset_id or 0))
            for job in ended_jobs(session, tasks=JOBS, job_ids=known)
            if job.dataset_id not in user.hidden
        )
        page = JobsNowPage(
            **page_context(request), jobs=running_jobs(session, hidden=user.hidden), ended=ended
        )
    return render_part(request, "jobs/_now.html", page, above="/")


def views_of(session: Session, jobs: list[Job]) -> tuple[JobView, ...]:
    """The jobs as pages list them."""
    names = {dataset.id: dataset.name for dataset in list_datasets(session, archived=None)} if jobs else {}
    models = names_of_models(session, run_ids=filter(None, (job.arguments.get("run") for job in jobs)))
    return tuple(
        _view(job, names.get(job.dataset_id or 0), models=models, share=job_share(session, job))
        for job in jobs
    )


def _view(job: Job, dataset: str | None, *, models: Mapping[int, str], share: float | None) -> JobView:
    is_open = job.state in OPEN_STATES and dataset is not None
    places = {"train": f"models/{job.arguments.get('run')}", "import": "import", "map": "images/map"}
    where = places.get(job.task)  # a look at photos is over in seconds
    words = JOBS.get(job.task, job.task.capitalize())
    if job.task == "train" and (model := models.get(job.arguments.get("run", 0))):
        words += f" of {model}"
    cancel = f"/d/{dataset}/{where}/cancel" if is_open and where else None
    url = running_job(job, dataset).url if dataset and job.task in JOBS else None
    return JobView(job, words, dataset, url, cancel, share)
