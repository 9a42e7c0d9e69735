"""Runs: the list, and the form that asks for one."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from app.datasets.catalog import get_dataset, ready_dataset
from app.datasets.models import DatasetVersion
from app.datasets.versions import get_version, list_versions
from app.ml.recipes import RECIPES, Recipe
from app.ranking.evaluations import RunSummary, run_summaries
from app.review.best import BestRun, choose_best
from app.review.retraining import retrain
from app.review.summary import PendingChanges, pending_changes
from app.training.recipes import choose_recipe
from app.training.runs import RunProgress, open_run, request_run, run_progress
from app.web.deps import Admin, Config, Db
from app.web.rendering import Page, page_context, render

router = APIRouter()


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
    best: BestRun | None
    pending: PendingChanges
    weights: str


@router.get("/d/{name}/runs")
def index(request: Request, name: str, database: Db, settings: Config) -> Response:
    """Every run, and the form for one more."""
    with database.read() as session:
        dataset = get_dataset(session, name=name)
        running = open_run(session, dataset_id=dataset.id)
        page = RunsPage(
            **page_context(request, name), runs=tuple(run_summaries(session, dataset_id=dataset.id)),
            running=run_progress(session, run_id=running.id) if running else None, recipes=tuple(map(recipe_view, RECIPES.values())),
            versions=tuple(reversed(list_versions(session, dataset_id=dataset.id))), best=choose_best(session, dataset_id=dataset.id),
            pending=pending_changes(session, dataset_id=dataset.id), weights=settings.weights,
        )  # fmt: skip
    return render(request, "runs/index.html", page)


@router.post("/d/{name}/runs")
def train(
    name: str, database: Db, settings: Config, user: Admin, recipe: Annotated[str, Form()], version: Annotated[int, Form()],
    epochs: Annotated[str, Form(pattern=r"^\d{0,4}$")] = "", seed: Annotated[int, Form(ge=0, lt=2**31)] = 0,
) -> Response:  # fmt: skip
    """Ask for a run."""
    with database.write() as session:
        dataset_id = ready_dataset(session, name=name).id
        chosen = get_version(session, dataset_id=dataset_id, number=version)
        run = request_run(
            session, dataset_id=dataset_id, version_id=chosen.id, recipe=choose_recipe(recipe, epochs=int(epochs) if epochs else None),
            weights=settings.weights, parent_id=None, seed=seed, user_id=user.id,
        )  # fmt: skip
    return RedirectResponse(f"/d/{name}/runs/{run.id}", status_code=303)


@router.post("/d/{name}/retrain")
def go_on(name: str, database: Db, settings: Config, user: Admin, recipe: Annotated[str | None, Form()] = None) -> Response:
    """Freeze the cleaned labels and fine-tune the best run on them."""
    with database.write() as session:
        answer = retrain(
            session, dataset_id=ready_dataset(session, name=name).id, user_id=user.id, weights=settings.weights, recipe=recipe or None
        )
    return RedirectResponse(f"/d/{name}/runs/{answer.run.id}", status_code=303)


def recipe_view(recipe: Recipe) -> RecipeView:
    """A recipe and what it does, in a line."""
    epochs = sum(phase.epochs for phase in recipe.phases)
    weighted = ", weighs the classes" if recipe.class_weights else ""
    return RecipeView(recipe.name, f"{recipe.image_size} pixels, {epochs} epochs{_folds(recipe.folds)}{weighted}")


def _folds(folds: int) -> str:
    return f", {folds} folds for the ranking" if folds else ""
