"""Models: the list."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from app.datasets.catalog import get_dataset, ready_dataset
from app.deck.progress import PendingChanges, lacking_words, pending_changes
from app.measuring.best import BestRun, choose_best
from app.measuring.evaluations import RunSummary, pair_to_compare, run_summaries
from app.rounds.first_look import can_look_again, look_again
from app.training.models import FIRST_LOOK, OWN_MODEL
from app.training.progress import RunProgress, run_progress
from app.training.runs import open_run
from app.training.starts import stored_words
from app.web.deps import Admin, Db
from app.web.pages.charts import Interval, Intervals, intervals
from app.web.pages.training.run_page import labels_words, title_of
from app.web.rendering import Page, page_context, render

router = APIRouter()


@dataclass(frozen=True)
class ModelRow:
    """A model in the list."""

    run: RunSummary
    title: str
    about: str
    start: str  # of one without a parent
    took: float | None  # seconds


@dataclass(frozen=True, kw_only=True)
class ModelsPage(Page):
    """Every model, the newest first."""

    rows: tuple[ModelRow, ...]
    older: tuple[ModelRow, ...]  # first looks before the newest one
    comparable: tuple[ModelRow, ...]
    pair: tuple[int, ...]  # that the form of the comparison proposes, the older one first
    axis: Intervals | None  # of all errors
    running: RunProgress | None
    best: BestRun | None
    pending: PendingChanges
    lacking: tuple[str, ...]  # what is to be known of classes without images in a part
    can_look_again: bool  # labels have changed since the newest first look
    is_ready: bool  # the import has finished


@router.get("/d/{name}/models")
def index(request: Request, name: str, database: Db) -> Response:
    """Every model."""
    with database.read() as session:
        dataset = get_dataset(session, name=name)
        running = open_run(session, dataset_id=dataset.id)
        runs = run_summaries(session, dataset_id=dataset.id)
        rows = [_row(run) for run in runs]
        pending = pending_changes(session, dataset_id=dataset.id)
        looks = [row for row in rows if row.run.kind == FIRST_LOOK]
        page = ModelsPage(
            **page_context(request, name),
            rows=tuple(row for row in rows if row not in looks[1:]),
            older=tuple(looks[1:]),
            comparable=tuple(row for row in rows if row.run.is_comparable),
            pair=_pair([run for run in runs if run.is_comparable]),
            axis=intervals([Interval("", run.error_rate) for run in runs if run.error_rate]),
            running=run_progress(session, run_id=running.id) if running else None,
            best=choose_best(session, dataset_id=dataset.id, runs=runs),
            pending=pending,
            lacking=tuple(lacking_words(session, dataset_id=dataset.id)),
            can_look_again=can_look_again(session, dataset_id=dataset.id, pending=pending),
            is_ready=dataset.state == "ready",
        )
    return render("training/index.html", page)


def _pair(runs: Sequence[RunSummary]) -> tuple[int, ...]:
    """Two runs of a kind, or the two newest."""
    pair = tuple(run for run in pair_to_compare(runs) if run is not None)
    return pair if len(pair) > 1 else tuple(run.id for run in reversed(runs[:2]))


@router.post("/d/{name}/models/look")
def look(name: str, database: Db, admin: Admin) -> Response:
    """Repeat the first look on the labels as they stand."""
    with database.write() as session:
        dataset = ready_dataset(session, name=name)
        run, _ = look_again(session, dataset_id=dataset.id, user_id=admin.id)
        return RedirectResponse(f"/d/{dataset.name}/models/{run.id}", status_code=303)


def _row(run: RunSummary) -> ModelRow:
    took = (run.finished_at - run.started_at).total_seconds() if run.finished_at and run.started_at else None
    start = stored_words(run.weights, network=run.network)
    if run.kind == FIRST_LOOK:
        return ModelRow(run, title_of(run), labels_words(run.version), run.weights, took)
    if run.kind == OWN_MODEL:
        return ModelRow(run, title_of(run), f"your own, {labels_words(run.version)}", run.weights, None)
    return ModelRow(run, title_of(run), f"{run.recipe}, {labels_words(run.version)}", start, took)
