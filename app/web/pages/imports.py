"""Imports: asked for by upload or by place, followed, cancelled and repeated."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from app.datasets.catalog import get_dataset, summarise
from app.datasets.models import Dataset
from app.datasets.sources import (
    TASK,
    check_allowed,
    look,
    propose_import,
    request_import,
    resolve_source,
    uploaded_zip,
)
from app.errors import Invalid
from app.jobs import requests as jobs
from app.jobs.models import Job
from app.settings import Settings
from app.storage import Origin
from app.storage.zip_names import CODE_PAGES, PLAIN
from app.web.asking import Confirmed, Question, confirm
from app.web.deps import Admin, Config, Db
from app.web.rendering import Page, page_context, render, render_part

router = APIRouter()


@dataclass(frozen=True, kw_only=True)
class NewDatasetPage(Page):
    """The form of an import."""

    max_megabytes: int
    roots: tuple[str, ...]
    name: str
    code_pages: tuple[tuple[str, str], ...]  # (as Python writes it, in words)


@dataclass(frozen=True, kw_only=True)
class ImportPage(Page):
    """How far an import is."""

    job: Job | None
    samples: int
    is_open: bool


@router.get("/datasets/new")
def import_form(request: Request, settings: Config, _admin: Admin, name: str = "") -> Response:
    """The form of an import; with a name it repeats one."""
    roots = tuple(root for root in settings.import_roots.split(":") if root)
    page = NewDatasetPage(
        **page_context(request),
        max_megabytes=settings.max_upload_mb,
        roots=roots,
        name=name,
        code_pages=tuple((page, words) for page, words in CODE_PAGES.items() if page != PLAIN),
    )
    return render(request, "datasets/new.html", page)


@router.post("/datasets/new")
def begin_import(
    database: Db,
    settings: Config,
    user: Admin,
    name: Annotated[str, Form()],
    file: Annotated[UploadFile | None, File()] = None,
    path: Annotated[str, Form()] = "",
    zip_encoding: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """Store the zip, or take the place on the server, and show what its folders are taken for, to confirm."""
    source = _source(settings, file, path.strip(), zip_encoding.strip() or None)
    found = look(source)
    with database.write() as session:
        if not propose_import(session, name=name.strip(), source=source, found=found):
            request_import(session, name=name.strip(), source=source, user_id=user.id)
    return RedirectResponse(f"/d/{name.strip()}", status_code=303)


@router.get("/d/{name}/import")
def import_progress(request: Request, name: str, database: Db) -> Response:
    """How far the import is; when it has ended, the whole page is loaded anew."""
    with database.read() as session:
        dataset = get_dataset(session, name=name)
        page = ImportPage(**page_context(request, name), **import_facts(session, dataset))
    return render_part(
        request, "datasets/_import.html", page, headers=None if page.is_open else {"hx-refresh": "true"}
    )


@router.post("/d/{name}/import/cancel")
def cancel_import(name: str, database: Db, _admin: Admin, confirmed: Confirmed = "") -> Response:
    """Ask the import to stop; what it has is kept, and it can be repeated."""
    with database.write() as session:
        dataset = get_dataset(session, name=name)
        job = jobs.open_job(session, dataset_id=dataset.id, task=TASK)
        if job:
            confirm(_stop(name), confirmed)
            jobs.cancel(session, job_id=job.id)
    return RedirectResponse(f"/d/{name}", status_code=303)


def _stop(name: str) -> Question:
    kept = "The images that it has imported so far stay, and the import can be repeated: it goes on with the others."
    return Question(f"Cancel the import of {name}?", (kept,), "Cancel the import", f"/d/{name}", danger=False)


@router.post("/d/{name}/import/repeat")
def repeat_import(name: str, database: Db, user: Admin) -> Response:
    """Import again from the same source; nothing is doubled."""
    with database.write() as session:
        dataset = get_dataset(session, name=name)
        request_import(session, name=name, source=dataset.origin, user_id=user.id)
    return RedirectResponse(f"/d/{name}", status_code=303)


def _source(settings: Settings, file: UploadFile | None, path: str, zip_encoding: str | None) -> Origin:
    if file is not None and file.filename:
        return uploaded_zip(
            file.file,
            filename=file.filename,
            uploads_dir=settings.uploads_dir,
            max_bytes=settings.max_upload_mb * 1_000_000,
            zip_encoding=zip_encoding,
        )
    if not path:
        raise Invalid("Choose a zip of class folders to upload, or name a folder on the server.")
    check_allowed(path, roots=settings.import_roots)
    return resolve_source(path, uploads_dir=settings.uploads_dir, zip_encoding=zip_encoding)


def import_facts(session: Session, dataset: Dataset) -> dict[str, Any]:
    """The keyword arguments of `ImportPage` that tell how far the newest import is."""
    job = next(iter(jobs.list_jobs(session, dataset_id=dataset.id, task=TASK, limit=1)), None)
    is_open = job is not None and job.state in jobs.OPEN_STATES
    return {"job": job, "samples": summarise(session, dataset).samples, "is_open": is_open}
