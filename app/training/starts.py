"""Where a network starts: what can be chosen, what the setting `weights` means, and words for both."""

from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from app.errors import Invalid
from app.ml.imagenet import MEGABYTES, Offer, offer
from app.ml.recipes import (
    LITE,
    NETWORK_NAMES,
    Recipe,
    StartFrom,
    has_own_weights,
    recipe_from_json,
    takes_weights,
)
from app.settings import Settings
from app.training.models import Run

Start = Literal["parent", "auto", "none", "imagenet", "file"]

WHY = "start_why"  # in `Run.facts`: why a run starts from random weights that nobody chose
FROM_AUTO = "start_auto"  # in `Run.facts`: that `auto` chose the start


@dataclass(frozen=True)
class Weights:
    """The setting `weights`, and where ImageNet weights would come from now."""

    setting: str
    offer: Offer


def weights_now(settings: Settings) -> Weights:
    """What a form or a command says of start weights; ask outside of transactions: it may wait a second."""
    return Weights(settings.weights, offer(settings.weights_dir))


def choose_start(word: str | None, *, setting: str, parent: bool) -> Start:
    """The start of a network: the requested one, else its parent, else the setting `weights`.

    Raises Invalid.
    """
    usual: Start = "parent" if parent else StartFrom.from_setting(setting).kind
    possible = starts(setting=setting, parent=parent)
    if word and word not in possible:
        raise Invalid(f"A network cannot start from “{word[:40]}” here; choose one of {', '.join(possible)}.")
    return next((start for start in possible if start == word), usual)


def starts(*, setting: str, parent: bool) -> tuple[Start, ...]:
    """The possible starts of a network; `file` if the setting `weights` names one."""
    file = StartFrom.from_setting(setting).kind == "file"
    return (*(("parent",) if parent else ()), "auto", "none", "imagenet", *(("file",) if file else ()))


def begins(start: Start, recipe: Recipe) -> Start:
    """The start with `auto` settled as far as the recipe alone settles it.

    It is `imagenet` for a network whose weights came with Toploss, and `none` for a recipe that is made for
    random weights.
    """
    if start == "auto" and has_own_weights(recipe):
        return "imagenet"
    return "none" if start == "auto" and not takes_weights(recipe) else start


def weights_of(start: Start, *, setting: str, recipe: Recipe) -> str:
    """The text that a requested run stores for its start; a worker settles `auto`."""
    return setting if start == "file" else begins(start, recipe)


def facts_of_start(start: Start, recipe: Recipe) -> dict[str, object]:
    """What a requested run stores about a start that `auto` chooses."""
    if start != "auto":
        return {}
    return {FROM_AUTO: True} | ({} if takes_weights(recipe) else {WHY: _made_for_random(recipe)})


def requested_start(run: Run, settings: Settings) -> str:
    """Where a run that has just been requested will start, for people."""
    if run.weights == "none":
        return f"random weights: {run.facts[WHY]}" if run.facts.get(WHY) else "random weights"
    if run.weights == "imagenet" and has_own_weights(recipe_from_json(run.recipe)):
        return "ImageNet weights, which came with Toploss"
    if run.weights in ("auto", "imagenet"):
        found = weights_now(settings).offer
        return (
            _imagenet_or_random(found) if run.weights == "auto" else f"ImageNet weights, {_from_where(found)}"
        )
    return run.parent_name or PurePath(run.weights).name


def stored_words(weights: str, *, network: str) -> str:
    """The start that a run of this network has stored, for people."""
    if weights == "imagenet" and network == LITE:
        return f"ImageNet weights of {NETWORK_NAMES[LITE]}"
    return {
        "none": "random weights",
        "imagenet": "ImageNet weights",
        "auto": "ImageNet weights, or random ones if there are none",
    }.get(weights, weights)


def _imagenet_or_random(found: Offer) -> str:
    if found.state == "unknown":
        return f"ImageNet weights if they can be downloaded ({MEGABYTES} MB), otherwise random weights"
    if found.can_be:
        return f"ImageNet weights, {_from_where(found)}"
    return f"random weights, because ImageNet weights {_from_where(found).removeprefix('which ')}"


def _from_where(found: Offer) -> str:
    return {
        "here": "which are on this machine",
        "download": f"a download of {MEGABYTES} MB",
        "unknown": f"a download of {MEGABYTES} MB, if there is a network",
        "absent": f"which are not on this machine and cannot be downloaded ({found.why})",
    }[found.state]


def _made_for_random(recipe: Recipe) -> str:
    return f"the recipe {recipe.name.split(',')[0]} is made for these"
