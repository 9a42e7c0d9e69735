"""Imports: request them by upload or path, follow, cancel and repeat them."""

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from app.datasets.catalog import IMPORT, get_dataset, summarise
from app.datasets.models import Dataset
from app.datasets.sources import cancel_import as cancel_import_job
from app.datasets.sources import request_import
from app.jobs import requests as jobs
from app.jobs.models import Job
from app.rounds.demo import is_demo, request_demo
from app.web.asking import Confirmed, Question, confirm
from app.web.deps import Admin, Config, Db
from app.web.rendering import Page, page_context, render_part
from app.web.toasts import say

router = APIRouter()


@dataclass(frozen=True, kw_only=True)
class ImportPage(Page):
    """The progress of an import."""

    job: Job | None
    samples: int
    is_open: bool


@router.get("/d/{name}/import")
def import_progress(request: Request, name: str, database: Db) -> Response:
    """The progress of the import; when it has ended, the whole page is loaded again."""
    with database.read() as session:
        dataset = get_dataset(session, name=name)
        page = ImportPage(**page_context(request, name), **import_facts(session, dataset))
    return render_part(
        request, "datasets/_import.html", page, headers=None if page.is_open else {"hx-refresh": "true"}
    )


@router.post("/d/{name}/import/cancel")
def cancel_import(
    request: Request, name: str, database: Db, _admin: Admin, confirmed: Confirmed = ""
) -> Response:
    """Cancel the import; its samples are kept, and it can be repeated."""
    with database.write() as session:
        dataset = get_dataset(session, name=name)
        job = jobs.open_job(session, dataset_id=dataset.id, task=IMPORT)
        if job:
            confirm(_stop(name), confirmed)
            cancel_import_job(session, job_id=job.id)
    return say(request, RedirectResponse(f"/d/{name}", status_code=303), "The import is cancelled")


def _stop(name: str) -> Question:
    kept = (
        "The images that it has imported so far stay, and the import can be repeated: it continues with "
        "the rest."
    )
    return Question(f"Cancel the import of {name}?", (kept,), "Cancel the import", f"/d/{name}", danger=False)


@router.post("/d/{name}/import/repeat")
def repeat_import(name: str, database: Db, settings: Config, user: Admin) -> Response:
    """Import again from the same source; nothing is doubled."""
    with database.write() as session:
        dataset = get_dataset(session, name=name)
        if is_demo(dataset, settings=settings) and dataset.state != "ready":
            request_demo(session, settings=settings, user_id=user.id)
            return RedirectResponse(f"/d/{name}", status_code=303)
        request_import(session, name=name, source=dataset.origin, user_id=user.id)
    return RedirectResponse(f"/d/{name}", status_code=303)


def import_facts(session: Session, dataset: Dataset) -> dict[str, Any]:
    """The keyword arguments of `ImportPage` for the progress of the newest import."""
    job = next(iter(jobs.list_jobs(session, dataset_id=dataset.id, task=IMPORT, limit=1)), None)
    is_open = job is not None and job.state in jobs.OPEN_STATES
    return {"job": job, "samples": summarise(session, dataset).samples, "is_open": is_open}
