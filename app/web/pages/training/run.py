"""One model: its progress while it learns, then what it reached, all of it from what its run stored."""

from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from app.datasets.catalog import get_dataset
from app.errors import NotFound
from app.training.ending import cancel_run
from app.training.models import Run
from app.training.networks import KEPT, NO_LONGER, delete_checkpoints, network_bytes, remove_networks
from app.training.progress import run_progress
from app.training.requesting import resume_run
from app.training.runs import get_run
from app.web.asking import Confirmed, Question, confirm
from app.web.deps import Admin, Config, Db
from app.web.pages.training.run_page import CurvesPage, LivePage, curves_of, finished_epochs, run_page
from app.web.rendering import page_context, render, render_part
from app.web.toasts import say

router = APIRouter()

By = Literal["counts", "rows", "columns"]


@router.get("/d/{name}/models/{run_id:int}")
def show(request: Request, name: str, run_id: int, database: Db, matrix: By = "counts") -> Response:
    """A model: its progress while it learns, then what it reached."""
    with database.read() as session:
        run = run_here(session, name, run_id)
        page = run_page(page_context(request, name), session, run, by=matrix)
    return render("training/run.html", page)


@router.get("/d/{name}/models/{run_id:int}/progress")
def progress(request: Request, name: str, run_id: int, database: Db) -> Response:
    """How far a run is; when it has ended, the whole page is loaded anew and the polling is over."""
    with database.read() as session:
        at = run_progress(session, run_id=run_here(session, name, run_id).id)
    page = LivePage(**page_context(request, name), running=at)
    return render_part(
        request, "training/_live.html", page, headers=None if at.is_open else {"hx-refresh": "true"}
    )


@router.get("/d/{name}/models/{run_id:int}/curves")
def curves(request: Request, name: str, run_id: int, database: Db, epochs: int = -1) -> Response:
    """The charts as they are by now; nothing where they still show as many epochs."""
    with database.read() as session:
        run = run_here(session, name, run_id)
        at = run_progress(session, run_id=run.id)
        shown = finished_epochs(at)
        if shown == epochs and at.is_open:
            return Response(status_code=204)
        charts = curves_of(session, run, at)
    page = CurvesPage(
        **page_context(request, name),
        running=at if at.is_open else None,
        run_id=run_id,
        charts=charts,
        epochs=shown,
    )
    return render_part(request, "training/_curves.html", page)


@router.post("/d/{name}/models/{run_id:int}/resume")
def go_on(request: Request, name: str, run_id: int, database: Db, user: Admin) -> Response:
    """Go on with a cancelled or failed run after its last finished epoch."""
    with database.write() as session:
        run = resume_run(session, run_id=run_here(session, name, run_id).id, user_id=user.id)
    return _back(request, name, run_id, f"Training of {run.name} resumes")


@router.post("/d/{name}/models/{run_id:int}/cancel")
def cancel(
    request: Request, name: str, run_id: int, database: Db, _admin: Admin, confirmed: Confirmed = ""
) -> Response:
    """Ask a run to stop; its last checkpoint is kept."""
    with database.write() as session:
        run = cancel_run(session, run_id=run_here(session, name, run_id).id)
        confirm(_stop(name, run), confirmed)
    return _back(request, name, run_id, f"Training of {run.name} is being cancelled")


@router.post("/d/{name}/models/{run_id:int}/checkpoints")
def delete_networks(
    request: Request,
    name: str,
    run_id: int,
    database: Db,
    settings: Config,
    _admin: Admin,
    confirmed: Confirmed = "",
) -> Response:
    """Delete the checkpoints of a run, after a question that says what is no longer possible."""
    with database.write() as session:
        run = run_here(session, name, run_id)
        delete_checkpoints(session, run)
        freed = network_bytes(settings.runs_dir, run_id=run_id) / 1_000_000
        facts = (f"This frees {freed:,.1f} MB. There is no undo.", *NO_LONGER, KEPT)
        title, yes = f"Delete the checkpoints of {run.name}?", "Delete the checkpoints"
        confirm(Question(title, facts, yes, f"/d/{name}/models/{run_id}"), confirmed)
    remove_networks(settings.runs_dir, run_id=run_id)
    return _back(request, name, run_id, f"Checkpoints of {run.name} deleted")


def _back(request: Request, name: str, run_id: int, words: str) -> Response:
    return say(request, RedirectResponse(f"/d/{name}/models/{run_id}", status_code=303), words)


def run_here(session: Session, name: str, run_id: int) -> Run:
    """The run, which must belong to the data set of this name. Raises NotFound, in the words of the pages."""
    dataset = get_dataset(session, name=name)
    try:
        return get_run(session, run_id=run_id, dataset_id=dataset.id)
    except NotFound as error:
        raise NotFound(f"There is no model with the id {run_id} here; the page Models lists all.") from error


def _stop(name: str, run: Run) -> Question:
    return Question(
        f"Cancel the training of {run.name}?",
        ("Its last finished epoch is kept, and you can resume it from there.",),
        "Cancel the training",
        f"/d/{name}/models/{run.id}",
        danger=False,
    )
