"""The map of a data set: a picture of all images in which those that are alike lie near each other."""

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from app.datasets.catalog import get_dataset, ready_dataset, refuse_archived
from app.deck.filters import Filter, count_matching
from app.deck.image_map import ClassCount, count_labels, count_placed
from app.jobs import requests as jobs
from app.jobs.models import Job
from app.ranking.maps import TASK, find_embedding, is_outdated, newest_map, request_map
from app.ranking.models import ImageMap
from app.settings import Settings
from app.web.asking import Confirmed, Question, confirm
from app.web.deps import Admin, Config, Db, SignedIn
from app.web.keys import Key
from app.web.rendering import Page, page_context, render, render_part

router = APIRouter()
KEYS = (
    Key("Move", ("←", "→", "↑", "↓")),
    Key("Zoom", ("+", "−")),
    Key("Show all of it", ("0",)),
    Key("Select with a line", ("L", "Shift drag")),
    Key("End the selection", ("Esc",)),
    Key("Open the image in the middle", ("Enter",)),
)
_SECONDS = 5.0  # that a map of few images takes
_PER_IMAGE = 0.0017  # seconds for each further one, on two cores


@dataclass(frozen=True, kw_only=True)
class MapProgressPage(Page):
    """How far the drawing is."""

    job: Job | None  # the newest one
    is_open: bool


@dataclass(frozen=True, kw_only=True)
class MapPage(MapProgressPage):
    """The map, or why there is none."""

    drawn: ImageMap | None
    classes: tuple[ClassCount, ...]
    images: int
    placed: int  # of them; the others were added since
    can_be_drawn: bool
    is_outdated: bool
    seconds: float  # that drawing it takes

    keys = KEYS


@router.get("/d/{name}/images/map")
def show(request: Request, name: str, database: Db, settings: Config) -> Response:
    """The map."""
    with database.read() as session:
        dataset_id = get_dataset(session, name=name).id
        page = MapPage(
            **page_context(request, name),
            **_progress(session, dataset_id),
            **_facts(session, settings, dataset_id),
        )
    return render("deck/image_map.html", page)


@router.get("/d/{name}/images/map/progress")
def progress(request: Request, name: str, database: Db) -> Response:
    """How far the drawing is; when it has ended, the whole page is loaded again."""
    with database.read() as session:
        dataset_id = get_dataset(session, name=name).id
        page = MapProgressPage(**page_context(request, name), **_progress(session, dataset_id))
    headers = None if page.is_open else {"hx-refresh": "true"}
    return render_part(request, "deck/_image_map.html", page, headers=headers)


@router.post("/d/{name}/images/map/draw")
def draw(name: str, database: Db, settings: Config, user: SignedIn) -> Response:
    """Request the map."""
    with database.write() as session:
        dataset_id = ready_dataset(session, name=name).id
        refuse_archived(session, dataset_id=dataset_id)
        request_map(session, dataset_id=dataset_id, runs_dir=settings.runs_dir, user_id=user.id)
    return RedirectResponse(f"/d/{name}/images/map", status_code=303)


@router.post("/d/{name}/images/map/cancel")
def cancel(name: str, database: Db, _admin: Admin, confirmed: Confirmed = "") -> Response:
    """Cancel the drawing; the map that is there stays."""
    with database.write() as session:
        dataset_id = get_dataset(session, name=name).id
        if job := jobs.open_job(session, dataset_id=dataset_id, task=TASK):
            confirm(_stop(name), confirmed)
            jobs.cancel(session, job_id=job.id)
    return RedirectResponse(f"/d/{name}/images/map", status_code=303)


def _stop(name: str) -> Question:
    kept = "The map that is there stays. It can be drawn again."
    return Question(
        f"Cancel drawing the map of {name}?", (kept,), "Cancel the map", f"/d/{name}/images/map", danger=False
    )


def _progress(session: Session, dataset_id: int) -> dict[str, Any]:
    job = jobs.open_job(session, dataset_id=dataset_id, task=TASK)
    last = job or next(iter(jobs.list_jobs(session, dataset_id=dataset_id, task=TASK, limit=1)), None)
    return {"job": last, "is_open": job is not None}


def _facts(session: Session, settings: Settings, dataset_id: int) -> dict[str, Any]:
    where: dict[str, Any] = {"dataset_id": dataset_id, "runs_dir": settings.runs_dir}
    drawn = newest_map(session, dataset_id=dataset_id)
    images = count_matching(session, dataset_id=dataset_id, which=Filter())
    return {
        "drawn": drawn,
        "classes": tuple(count_labels(session, dataset_id=dataset_id)),
        "images": images,
        "placed": count_placed(session, dataset_id=dataset_id, map_id=drawn.id) if drawn else 0,
        "can_be_drawn": find_embedding(session, **where) is not None,
        "is_outdated": is_outdated(session, **where),
        "seconds": _SECONDS + _PER_IMAGE * images,
    }
