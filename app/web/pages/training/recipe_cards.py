"""Recipes as cards: what each is for, how long it takes, and which one is recommended and why."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from app.ml.imagenet import MEGABYTES
from app.ml.recipes import NETWORK_NAMES, Recipe, has_own_weights
from app.training.fields import phases_of
from app.training.pace import Estimate
from app.training.recommending import likely_time
from app.training.starts import Start, Weights, begins

PURPOSES = {
    "quick": "A first try in minutes",
    "default": "Small images, thorough",
    "photos": "Photographs",
    "paper": "As in the paper on ResNet34",
}
FITTED = ""  # the value of a recipe that is fitted to these images, or is a model's own


@dataclass(frozen=True)
class Offered:
    """A recipe to choose, with what is special about it."""

    value: str  # of the form's field
    recipe: Recipe
    purpose: str = ""
    why: str = ""  # it is recommended; empty: it is not


@dataclass(frozen=True)
class RecipeCard:
    """A recipe as a card of the form."""

    value: str
    name: str
    purpose: str
    pixels: int
    epochs: int
    start: str
    time: str
    why: str
    is_chosen: bool

    @property
    def id(self) -> str:
        """Of its element in the page."""
        return f"recipe-{self.value or 'fitted'}"


def recipe_cards(
    offered: Sequence[Offered],
    *,
    chosen: str,
    start: Start,
    starting: Weights,
    parent: str = "",
    expect: Callable[[Recipe], Estimate | None],
) -> tuple[RecipeCard, ...]:
    """The cards, the recommended one first; `expect` says how long a training with a recipe takes."""
    return tuple(
        RecipeCard(
            value=each.value,
            name=each.recipe.name.split(",")[0],
            purpose=each.purpose or PURPOSES.get(each.recipe.name.split(",")[0], ""),
            pixels=each.recipe.image_size,
            epochs=sum(phase.epochs for phase in phases_of(each.recipe, tunes=start == "parent")),
            start=start_in_short(start, recipe=each.recipe, starting=starting, parent=parent),
            time=time_words(expect(each.recipe)),
            why=each.why,
            is_chosen=each.value == chosen,
        )
        for each in sorted(offered, key=lambda each: not each.why)
    )


def start_in_short(start: Start, *, recipe: Recipe, starting: Weights, parent: str = "") -> str:
    """Where a network starts, in a few words, with the size of a download."""
    match begins(start, recipe):
        case "parent":
            return parent
        case "none":
            return "random weights"
        case "file":
            return PurePath(starting.setting).name
        case "auto" if not starting.offer.can_be:
            return "random weights"
        case _ if has_own_weights(recipe):
            return f"ImageNet weights of {NETWORK_NAMES[recipe.network]}"
        case _:
            return f"ImageNet weights{_how(starting)}"


def start_option(start: Start, *, recipe: Recipe, starting: Weights, parent: str = "") -> str:
    """A start as one of several to choose."""
    words = start_in_short(start, recipe=recipe, starting=starting, parent=parent)
    return f"Automatic: {words}" if start == "auto" else f"{words[0].upper()}{words[1:]}"


def _how(starting: Weights) -> str:
    return {
        "here": "",
        "download": f" ({MEGABYTES} MB download)",
        "unknown": f" ({MEGABYTES} MB download, if there is a network)",
        "absent": " (cannot be downloaded here)",
    }[starting.offer.state]


def time_words(estimate: Estimate | None) -> str:
    """How long a training takes."""
    return likely_time(estimate) if estimate else "time not known yet"
