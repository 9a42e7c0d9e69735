"""The form of a recipe: what it shows, and what was sent with it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from app.errors import Invalid
from app.ml.recipes import RECIPES, Recipe
from app.spelling import by_name
from app.training.fields import (
    BY_NAME,
    GROUPS,
    HEAVIEST,
    LIGHTEST,
    Field,
    as_text,
    parse_weight,
    phases_of,
    values_of,
)
from app.training.recipes import choose_recipe, edit, fields_for, weight_words
from app.training.starts import Start, Weights, choose_start, starts
from app.web.forms import form_pairs
from app.web.pages.training.recipe_cards import RecipeCard, start_option
from app.web.rendering import plural
from app.web.strict import Names, ReadsItself

MOST_CLASSES = 50  # that are weighed one by one in a form
SEEDS = 2**31
BY_HAND = "hand"
BLANK = ""
SHOWN = "shown_"  # before the name of what the numbers of the form were shown for
CHOSEN = ("recipe", "start")
_SENT = (*BY_NAME, *CHOSEN, *(f"{SHOWN}{name}" for name in CHOSEN), "seed")
_WEIGHT = re.compile(r"weight\.[0-9]{1,6}")


@dataclass(frozen=True)
class RecipeOption:
    """One of several, with a line about it."""

    value: str
    words: str


@dataclass(frozen=True)
class FieldView:
    """A field of the form with its value."""

    field: Field
    value: str
    usual: str  # what the chosen recipe says

    @property
    def is_changed(self) -> bool:
        """Whether it says something else than the recipe."""
        return self.value != self.usual


@dataclass(frozen=True)
class WeightView:
    """The weight of a class; nothing for the mean of the others."""

    name: str  # of the form's field
    class_name: str
    value: str


@dataclass(frozen=True)
class FieldGroup:
    """Fields under one heading."""

    title: str
    fields: tuple[FieldView, ...]


@dataclass(frozen=True)
class RecipeForm:
    """A recipe to look at and to change."""

    recipe: str  # what was chosen; nothing: the one fitted to the images, or the parent's own
    cards: tuple[RecipeCard, ...]
    start: str
    starts: tuple[RecipeOption, ...]
    seed: str
    groups: tuple[FieldGroup, ...]
    weights: tuple[WeightView, ...]
    weight_words: str
    is_changed: bool
    lightest: float = LIGHTEST
    heaviest: float = HEAVIEST


class _Sent(ReadsItself):
    """What is sent of the form of a recipe: with the fields of every recipe, and a weight for each class."""

    def __init__(self, place: str, *more: str) -> None:
        self.place = place
        self.names = (*_SENT, *more)

    async def __call__(self, request: Request) -> dict[str, str]:
        """The fields that were sent, as text. Raises Invalid."""
        found = await form_pairs(request) if self.place == "form" else request.query_params.multi_items()
        weights = {name for name, _ in found if _WEIGHT.fullmatch(name)}
        Names(frozenset((*self.names, *weights))).check(
            found, what="field" if self.place == "form" else "parameter"
        )
        return dict(found)


SentRetrain = Annotated[dict[str, str], Depends(_Sent("form"))]
ShownRetrain = Annotated[dict[str, str], Depends(_Sent("query"))]
SentTrain = Annotated[dict[str, str], Depends(_Sent("form", "version"))]
ShownTrain = Annotated[dict[str, str], Depends(_Sent("query", "version"))]


def words_of(recipe: Recipe, *, start: str) -> str:
    """What a recipe does, in a line."""
    epochs = sum(phase.epochs for phase in phases_of(recipe, tunes=start == "parent"))
    folds = f", {recipe.folds} folds for the ranking" if recipe.folds else ""
    weighted = ", weighs the classes" if recipe.class_weights else ""
    return f"{recipe.image_size} pixels, {plural(epochs, 'epoch')}{folds}{weighted}"


def changes_of(sent: Mapping[str, str], *, recipe: Recipe, class_names: Sequence[str]) -> dict[str, object]:
    """The fields that were sent; what was left blank stays as it is. Raises Invalid."""
    changes: dict[str, object] = {name: sent[name].strip() for name in BY_NAME if sent.get(name, "").strip()}
    if changes.get("class_weights") != BY_HAND:
        return changes
    given = {name: sent.get(f"weight.{at}", "").strip() for at, name in enumerate(class_names)}
    weights = {name: parse_weight(name, text) for name, text in given.items() if text}
    del changes["class_weights"]
    if weights:
        changes["class_weights"] = weights
    elif not _by_hand(recipe) or _weights_for(recipe, class_names):
        raise Invalid(
            "Class weights (class_weights) by hand need a number for at least one class; or choose none, "
            "or by frequency."
        )
    return changes


def with_own_numbers(sent: Mapping[str, str]) -> dict[str, str]:
    """The sent form, without numbers that were shown for another recipe or start than the chosen ones."""
    if all(sent.get(f"{SHOWN}{name}", sent.get(name, "")) == sent.get(name, "") for name in CHOSEN):
        return dict(sent)
    return {
        name: value for name, value in sent.items() if name not in BY_NAME and not name.startswith("weight.")
    }


def check_unedited(
    sent: Mapping[str, str], *, usual: Recipe, setting: str, parent: bool, class_names: Sequence[str]
) -> None:
    """Raises Invalid for numbers that were changed for another recipe or start than the chosen ones.

    `usual` is the default recipe.
    """
    if with_own_numbers(sent) == sent:
        return
    start = choose_start(sent.get(f"{SHOWN}start") or None, setting=setting, parent=parent)
    shown = choose_recipe(sent[f"{SHOWN}recipe"]) if sent.get(f"{SHOWN}recipe") else usual
    if (
        edit(
            shown,
            changes_of(sent, recipe=shown, class_names=class_names),
            start=start,
            class_names=class_names,
        )
        != shown
    ):
        raise Invalid(
            "Nothing was started: the numbers were changed for another recipe or start than the ones now "
            "chosen. Below are the numbers of these; change them, or use them unchanged."
        )


def checked_changes(
    sent: Mapping[str, str],
    *,
    recipe: Recipe,
    usual: Recipe,
    setting: str,
    parent: bool,
    class_names: Sequence[str],
) -> dict[str, object]:
    """The changes of the recipe that were sent, once the whole form is known to be valid. Raises Invalid.

    It needs no transaction that writes: a refused form waits for nobody and freezes no labels.
    """
    check_unedited(sent, usual=usual, setting=setting, parent=parent, class_names=class_names)
    changes = changes_of(with_own_numbers(sent), recipe=recipe, class_names=class_names)
    start = choose_start(sent.get("start") or None, setting=setting, parent=parent)
    edit(recipe, changes, start=start, class_names=class_names)
    seed_of(sent)
    return changes


def seed_of(sent: Mapping[str, str]) -> int:
    """The seed that was sent; 0 where there is none. Raises Invalid."""
    text = sent.get("seed", "").strip() or "0"
    is_number = text.isascii() and text.isdecimal() and len(text) < 11  # noqa: PLR2004 - digits of 2**31
    if not (is_number and int(text) < SEEDS):
        raise Invalid(f"The seed must be a whole number, 0 to {SEEDS - 1}, not “{text[:40]}”.")
    return int(text)


def recipe_form(
    recipe: Recipe,
    *,
    start: Start,
    starting: Weights,
    class_names: Sequence[str],
    cards: tuple[RecipeCard, ...],
    parent: str = "",
    sent: Mapping[str, str] | None = None,
) -> RecipeForm:
    """The form with a recipe's numbers in it, or with what was sent in their place.

    `parent` is the name of the model that it continues; empty: none.
    """
    given = sent or {}
    usual = {name: as_text(value) for name, value in values_of(recipe, tunes=start == "parent").items()}
    usual["class_weights"] = BY_HAND if _by_hand(recipe) else usual["class_weights"]
    views = [
        FieldView(field, given.get(field.name) or usual[field.name], usual[field.name])
        for field in fields_for(start, recipe)
    ]
    weights = _weight_views(recipe, class_names, given)
    return RecipeForm(
        recipe=recipe.name if recipe.name in RECIPES else BLANK,
        cards=cards,
        start=start,
        starts=tuple(
            RecipeOption(each, start_option(each, recipe=recipe, starting=starting, parent=parent))
            for each in starts(setting=starting.setting, parent=bool(parent))
        ),
        seed=given.get("seed", "0"),
        weights=weights,
        weight_words=weight_words(recipe, class_names),
        groups=tuple(
            FieldGroup(title, tuple(view for view in views if view.field.group == title)) for title in GROUPS
        ),
        is_changed=any(view.is_changed for view in views)
        or weights != _weight_views(recipe, class_names, {}),
    )


def _by_hand(recipe: Recipe) -> bool:
    return recipe.class_weights not in (None, "frequency")


def _weights_for(recipe: Recipe, class_names: Sequence[str]) -> dict[str, float]:
    """The weights by hand that the recipe has for these classes, by their own names."""
    if recipe.class_weights is None or recipe.class_weights == "frequency":
        return {}
    return by_name(recipe.class_weights, class_names)


def _weight_views(
    recipe: Recipe, class_names: Sequence[str], given: Mapping[str, str]
) -> tuple[WeightView, ...]:
    if len(class_names) > MOST_CLASSES:
        return ()
    own = _weights_for(recipe, class_names)
    usual = [f"{own[name]:.10g}" if name in own else BLANK for name in class_names]
    return tuple(
        WeightView(f"weight.{at}", name, given.get(f"weight.{at}", usual[at]))
        for at, name in enumerate(class_names)
    )
