"""Runs: the list, and the short form that asks for one."""

from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.datasets.catalog import get_dataset
from app.datasets.models import DatasetVersion
from app.datasets.versions import list_versions
from app.deck.progress import PendingChanges, lacking_words, pending_changes
from app.measuring.best import BestRun, choose_best
from app.measuring.evaluations import RunSummary, run_summaries
from app.ml.recipes import RECIPES, Recipe
from app.training.recommending import Recommendation, recommend
from app.training.runs import RunProgress, open_run, run_progress
from app.training.starts import Weights, choose_start, start_words, weights_now
from app.web.deps import Config, Db
from app.web.pages.training.recipe_form import words_of
from app.web.rendering import Page, page_context, render

router = APIRouter()


@dataclass(frozen=True)
class RecipeView:
    """A recipe as a choice."""

    name: str
    words: str
    start: str  # where it starts from if nothing else is chosen


@dataclass(frozen=True, kw_only=True)
class RunsPage(Page):
    """Every run, and the form for one more."""

    runs: tuple[RunSummary, ...]
    running: RunProgress | None
    recipes: tuple[RecipeView, ...]
    recommended: Recommendation | None  # for who may train
    versions: tuple[DatasetVersion, ...]
    best: BestRun | None
    pending: PendingChanges
    lacking: tuple[str, ...]  # what is to be known of classes without images in a part


@router.get("/d/{name}/models")
def index(request: Request, name: str, database: Db, settings: Config) -> Response:
    """Every run, and the form for one more."""
    starting = weights_now(settings)
    with database.read() as session:
        dataset = get_dataset(session, name=name)
        running = open_run(session, dataset_id=dataset.id)
        runs = run_summaries(session, dataset_id=dataset.id)
        common = page_context(request, name)
        page = RunsPage(
            **common,
            runs=tuple(runs),
            running=run_progress(session, run_id=running.id) if running else None,
            recommended=recommend(session, dataset_id=dataset.id, starting=starting)
            if common["viewer"].is_admin and dataset.state == "ready"
            else None,
            recipes=tuple(
                RecipeView(each.name, words_of(each, start="none"), _start(each, starting))
                for each in RECIPES.values()
            ),
            versions=tuple(reversed(list_versions(session, dataset_id=dataset.id))),
            best=choose_best(session, dataset_id=dataset.id, runs=runs),
            pending=pending_changes(session, dataset_id=dataset.id),
            lacking=tuple(lacking_words(session, dataset_id=dataset.id)),
        )
    return render("training/index.html", page)


def _start(recipe: Recipe, starting: Weights) -> str:
    start = choose_start(None, setting=starting.setting, parent=False)
    return start_words(start, weights=starting, recipe=recipe)
