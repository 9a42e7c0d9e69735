"""Runs: the list with the short form that asks for one, a run's progress and what it reached."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from app.datasets.catalog import class_names, get_dataset
from app.datasets.models import DatasetVersion
from app.datasets.versions import list_versions
from app.ml.recipes import RECIPES, recipe_from_json
from app.ranking.evaluations import Evaluation, RunSummary, best_run, evaluate_run, run_summaries
from app.ranking.rankings import RankedSample, top_losses
from app.review.movement import Movement, movement_of
from app.review.summary import PendingChanges, pending_changes
from app.training.models import Epoch, Run
from app.training.pace import seconds_of
from app.training.recipes import Difference, differences
from app.training.runs import (
    RESUMABLE,
    RunProgress,
    cancel_run,
    current_ranking,
    get_run,
    open_run,
    resume_run,
    run_progress,
    version_number,
)
from app.web.deps import Admin, Config, Db
from app.web.pages.recipe_form import words_of
from app.web.rendering import Page, page_context, render

router = APIRouter()

LOSSES_SHOWN = 20
MAIN = -1  # the fold number of the network on the whole training part


@dataclass(frozen=True)
class RecipeView:
    """A recipe as a choice."""

    name: str
    words: str


@dataclass(frozen=True, kw_only=True)
class RunsPage(Page):
    """Every run, and the form for one more."""

    runs: tuple[RunSummary, ...]
    running: RunProgress | None
    recipes: tuple[RecipeView, ...]
    versions: tuple[DatasetVersion, ...]
    best: RunSummary | None
    pending: PendingChanges
    weights: str


@dataclass(frozen=True)
class LossView:
    """A top loss as a small picture."""

    sample_id: int
    path: str
    predicted: str
    actual: str
    loss: float
    probability: float  # of the actual label


@dataclass(frozen=True)
class Chart:
    """Numbers for a chart and for the table below it; `data` is what static/charts.js reads."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    data: str


@dataclass(frozen=True, kw_only=True)
class LivePage(Page):
    """How far a run is."""

    running: RunProgress | None


@dataclass(frozen=True, kw_only=True)
class RunPage(LivePage):
    """A run: what it was asked to do, how far it is, what it reached."""

    run: Run
    version: int
    is_current: bool  # its ranking is the one that is reviewed
    recipe: RecipeView
    differences: tuple[Difference, ...]  # from the recipe of its name
    can_go_on: bool
    movement: Movement | None  # what its ranking changed
    seconds: float | None
    evaluation: Evaluation | None
    charts: tuple[Chart, ...]
    losses: tuple[LossView, ...]


@router.get("/d/{name}/runs")
def index(request: Request, name: str, database: Db, settings: Config) -> Response:
    """Every run, and the form for one more."""
    with database.read() as session:
        dataset = get_dataset(session, name=name)
        running = open_run(session, dataset_id=dataset.id)
        page = RunsPage(
            **page_context(request, name), runs=tuple(run_summaries(session, dataset_id=dataset.id)),
            running=run_progress(session, run_id=running.id) if running else None,
            recipes=tuple(RecipeView(each.name, words_of(each, start="none")) for each in RECIPES.values()),
            versions=tuple(reversed(list_versions(session, dataset_id=dataset.id))), best=best_run(session, dataset_id=dataset.id),
            pending=pending_changes(session, dataset_id=dataset.id), weights=settings.weights,
        )  # fmt: skip
    return render(request, "runs/index.html", page)


@router.get("/d/{name}/runs/{run_id}")
def show(request: Request, name: str, run_id: int, database: Db) -> Response:
    """A run: its progress while it lives, then what it reached."""
    with database.read() as session:
        dataset = get_dataset(session, name=name)
        page = _run_page(request, session, name, get_run(session, run_id=run_id, dataset_id=dataset.id))
    return render(request, "runs/run.html", page)


@router.get("/d/{name}/runs/{run_id}/progress")
def progress(request: Request, name: str, run_id: int, database: Db) -> Response:
    """How far a run is; when it has ended, the whole page is loaded anew and the polling is over."""
    with database.read() as session:
        get_run(session, run_id=run_id, dataset_id=get_dataset(session, name=name).id)
        at = run_progress(session, run_id=run_id)
    page = LivePage(**page_context(request, name), running=at)
    return render(request, "runs/_live.html", page, headers=None if at.is_open else {"hx-refresh": "true"})


@router.post("/d/{name}/runs/{run_id}/resume")
def go_on(name: str, run_id: int, database: Db, user: Admin) -> Response:
    """Go on with a cancelled or failed run after its last finished epoch."""
    with database.write() as session:
        get_run(session, run_id=run_id, dataset_id=get_dataset(session, name=name).id)
        resume_run(session, run_id=run_id, user_id=user.id)
    return RedirectResponse(f"/d/{name}/runs/{run_id}", status_code=303)


@router.post("/d/{name}/runs/{run_id}/cancel")
def cancel(name: str, run_id: int, database: Db, _admin: Admin) -> Response:
    """Ask a run to stop; its last checkpoint is kept."""
    with database.write() as session:
        get_run(session, run_id=run_id, dataset_id=get_dataset(session, name=name).id)
        cancel_run(session, run_id=run_id)
    return RedirectResponse(f"/d/{name}/runs/{run_id}", status_code=303)


def _run_page(request: Request, session: Session, name: str, run: Run) -> RunPage:
    at = run_progress(session, run_id=run.id)
    finished = run.state == "finished"
    names = class_names(session, dataset_id=run.dataset_id)
    losses = top_losses(session, run_id=run.id, limit=LOSSES_SHOWN) if run.ranked_epochs else []
    recipe, current = recipe_from_json(run.recipe), current_ranking(session, dataset_id=run.dataset_id)
    return RunPage(
        **page_context(request, name), run=run, running=at if at.is_open else None, version=version_number(session, run),
        recipe=RecipeView(recipe.name, words_of(recipe, start=run.weights)), differences=differences(run.recipe, start=run.weights),
        can_go_on=run.state in RESUMABLE, movement=movement_of(session, run=run),
        is_current=current is not None and current.run_id == run.id, seconds=seconds_of(run),
        evaluation=evaluate_run(session, run_id=run.id) if finished else None,
        charts=_charts(run, at.epochs), losses=tuple(_loss_view(sample, names) for sample in losses),
    )  # fmt: skip


def _loss_view(sample: RankedSample, names: list[str]) -> LossView:
    return LossView(sample.sample_id, sample.path, names[sample.predicted_label], names[sample.label], sample.loss, sample.self_confidence)


def _charts(run: Run, epochs: tuple[Epoch, ...]) -> tuple[Chart, ...]:
    main = [epoch for epoch in epochs if epoch.fold == MAIN]
    charts = []
    if main:
        numbers = [epoch.epoch + 1 for epoch in main]
        charts.append(_chart("Loss by epoch", "epoch", numbers, {
            "training": [epoch.train_loss for epoch in main], "hold-out": [epoch.valid_loss for epoch in main]}))  # fmt: skip
        if any(epoch.error_rate is not None for epoch in main):
            rates = [None if epoch.error_rate is None else 100 * epoch.error_rate for epoch in main]
            charts.append(_chart("Hold-out error by epoch, in %", "epoch", numbers, {"error": rates}, low=0))
    curve = run.lr_curve
    if curve:
        charts.append(_chart("Learning-rate finder: loss by rate", "learning rate", curve["lrs"], {"loss": curve["losses"]}, log=True,
                             mark=curve.get("suggestion")))  # fmt: skip
    return tuple(charts)


def _chart(title: str, across: str, x: Sequence[float], lines: Mapping[str, Sequence[float | None]], **options: Any) -> Chart:
    rows = tuple((f"{at:.4g}", *("" if y is None else f"{y:.4f}" for y in ys)) for at, *ys in zip(x, *lines.values(), strict=True))
    data = json.dumps({"across": across, "x": x, "lines": lines, **options})
    return Chart(title, (across, *lines), rows, data)
