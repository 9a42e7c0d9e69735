"""What the pages have in common that request a training."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from app.datasets.models import DatasetVersion
from app.deck.progress import lacking_words
from app.errors import Invalid
from app.ml.recipes import Recipe
from app.training.models import Run
from app.training.pace import Estimate, measure_paces
from app.training.progress import RunProgress, run_progress
from app.training.recipes import choose_recipe, edit, with_network
from app.training.repeats import Repeat, repeat_of
from app.training.runs import count_open, open_run
from app.training.starts import Start, begins, choose_start, weights_of
from app.web.pages.training.recipe_form import (
    RecipeForm,
    changes_of,
    seed_of,
)
from app.web.rendering import Page
from app.web.toasts import say


@dataclass(frozen=True, kw_only=True)
class AskPage(Page):
    """The common part of pages that request a run."""

    form: RecipeForm | None  # none where there is nothing to ask for
    estimate: Estimate | None
    time: str  # that it says, in the words of the cards
    waits_behind: int  # trainings that come first
    running: RunProgress | None  # of this data set
    lacking: tuple[str, ...]  # what is to be known of classes without images in a part
    problem: str  # why what was sent cannot be
    repeat: Repeat | None = None  # a run that did exactly what the form asks for


@dataclass(frozen=True)
class Asked:
    """The requested recipe, as far as it is valid, with its changes, and the reason why a part is not."""

    recipe: Recipe
    edited: Recipe
    start: Start
    seed: int
    problem: str


def requested(request: Request, name: str, run: Run) -> Response:
    """The way to the page of a training that has been requested."""
    answer = RedirectResponse(f"/d/{name}/models/{run.id}", status_code=303)
    return say(request, answer, f"Training of {run.name} requested")


def asked_recipe(
    sent: Mapping[str, str], *, usual: Recipe, setting: str, parent: bool, names: list[str], problem: str
) -> Asked:
    """What the form asks for; `usual` is the recipe where it names none, `names` are those of the classes."""
    seed = 0
    recipe, start, edited = usual, choose_start(None, setting=setting, parent=parent), usual
    try:
        start = choose_start(sent.get("start") or None, setting=setting, parent=parent)
        recipe = choose_recipe(sent["recipe"]) if sent.get("recipe") else usual
        if start == "parent":  # it continues the parent's network, and `usual` is the parent's recipe
            recipe = with_network(recipe, usual.network)
        edited = recipe
        edited = edit(
            recipe, changes_of(sent, recipe=recipe, class_names=names), start=start, class_names=names
        )
        seed = seed_of(sent)
    except Invalid as refusal:
        problem = problem or str(refusal)
    return Asked(recipe, edited, start, seed, problem)


def repeat_of_asked(
    session: Session, asked: Asked, *, version: DatasetVersion, setting: str, parent_id: int | None = None
) -> Repeat | None:
    """A finished run that did exactly what is asked for."""
    if asked.problem:
        return None
    return repeat_of(
        session,
        dataset_id=version.dataset_id,
        version_id=version.id,
        recipe=asked.edited,
        weights=weights_of(
            asked.start, setting=setting, recipe=with_network(asked.recipe, asked.edited.network)
        ),
        parent_id=parent_id if asked.start == "parent" else None,
        seed=asked.seed,
    )


def what_waits(session: Session, dataset_id: int) -> dict[str, Any]:
    """The fields of an `AskPage` about the data set and the queue."""
    running = open_run(session, dataset_id=dataset_id)
    return {
        "lacking": tuple(lacking_words(session, dataset_id=dataset_id)),
        "waits_behind": count_open(session),
        "running": run_progress(session, run_id=running.id) if running else None,
    }


def expectation(
    session: Session, start: Start, images: Mapping[str, int]
) -> Callable[[Recipe], Estimate | None]:
    """How long a training on these images, by split, takes by a recipe."""
    paces = measure_paces(session)
    return lambda recipe: paces.expect(
        recipe, start=begins(start, recipe), images=images.get("train", 0), samples=sum(images.values())
    )
