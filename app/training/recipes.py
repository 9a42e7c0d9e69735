"""Chooses a recipe and the start of a network, and changes the values of a recipe."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.errors import Invalid
from app.ml.recipes import (
    NETWORK_NAMES,
    RECIPES,
    Network,
    Phase,
    Recipe,
    recipe_from_json,
    takes_weights,
)
from app.spelling import by_name
from app.training.fields import (
    BY_NAME,
    FIELDS,
    HEAD,
    OF_PHASES,
    Field,
    Value,
    as_text,
    parse,
    phases_of,
    values_of,
)
from app.training.starts import Start, begins

EDITED = ", edited"  # the end of a recipe's name when its values were changed


@dataclass(frozen=True)
class ChangedValue:
    """A changed value of a run's recipe."""

    label: str
    used: str
    usual: str


def choose_recipe(name: str) -> Recipe:
    """The recipe of this name. Raises Invalid, naming all recipes."""
    if name not in RECIPES:
        raise Invalid(f"There is no recipe “{name}”; choose one of {', '.join(RECIPES)}.")
    return RECIPES[name]


def recipe_of(stored: Mapping[str, Any]) -> Recipe:
    """The recipe for a retrain of a run: today's of the same name, or the run's own if it was edited."""
    known = RECIPES.get(stored["name"])
    return with_network(known, stored.get("network")) if known else recipe_from_json(stored)


def fields_for(start: Start, recipe: Recipe) -> tuple[Field, ...]:
    """The fields that are used with this start of this recipe."""
    return tuple(field for field in FIELDS if _is_used(field, begins(start, recipe), recipe))


def edit(
    recipe: Recipe, changes: Mapping[str, object], *, start: Start, class_names: Sequence[str]
) -> Recipe:
    """The recipe with these fields changed, and a name that shows it; equal values change nothing.

    Only the phases of a run with this start are changed. Raises Invalid, naming the field and its allowed
    values.
    """
    other = with_network(recipe, changes.get("network"))
    start = begins(start, other)
    tunes = start == "parent"
    before = values_of(recipe, tunes=tunes)
    asked = {name: parse(_known(name), given, class_names=class_names) for name, given in changes.items()}
    asked = {
        name: value
        for name, value in asked.items()
        if _plain(value, class_names) != _plain(before[name], class_names)
    }
    for name in asked:
        _refuse_unused(BY_NAME[name], start, other)
    if not (before | asked)["frozen_epochs"]:
        asked.pop("frozen_lr", None)
    if not asked:
        return recipe
    own: dict[str, Any] = {name: value for name, value in asked.items() if name not in OF_PHASES}
    if "class_weights" in own:
        own["class_weights"] = _as_weights(own["class_weights"])
    own["fine_tune_phases" if tunes else "phases"] = _phases(recipe, before | asked, asked, tunes=tunes)
    edited = dataclasses.replace(recipe, name=recipe.name.removesuffix(EDITED) + EDITED, **own)
    if not _is_used(BY_NAME["early_epochs"], start, other):
        return edited
    if "early_epochs" not in asked:
        edited = dataclasses.replace(
            edited, early_epochs=recipe.early_epochs * _epochs(edited) // _epochs(recipe)
        )
    _check_early(edited)
    return edited


def with_network(recipe: Recipe, network: object) -> Recipe:
    """The recipe with another network, if that is one; the network decides what the start `auto` is."""
    known: Network | None = next((name for name in NETWORK_NAMES if name == network), None)
    return dataclasses.replace(recipe, network=known) if known else recipe


def differences(stored: Mapping[str, Any], *, start: str) -> tuple[ChangedValue, ...]:
    """Changed values of a run's recipe, in the order of the fields; empty if no recipe has its name."""
    usual = RECIPES.get(stored["name"].removesuffix(EDITED))
    if usual is None:
        return ()
    tunes = start == "parent"
    theirs, ours = values_of(usual, tunes=tunes), values_of(recipe_from_json(stored), tunes=tunes)
    return tuple(
        ChangedValue(BY_NAME[name].label, _words(used), _words(theirs[name]))
        for name, used in ours.items()
        if used != theirs[name]
    )


def weight_words(recipe: Recipe, class_names: Sequence[str]) -> str:
    """The effect of the recipe's class weights on these classes, in one or two sentences."""
    weights = recipe.class_weights
    if weights is None:
        return "All classes have the same weight."
    if weights == "frequency":
        return "A class with fewer training images has a higher weight."
    named = by_name(weights, class_names)
    others = [name for name in class_names if name not in named]
    if not named:
        return (
            f"The recipe {recipe.name} has weights for {_listed([name for name, _ in weights])}; this data "
            "set has none of these classes, so all of its classes have the same weight. Set weights by "
            "hand to change that."
        )
    total = sum(named.values()) + len(others) * sum(named.values()) / len(named)
    shares = ", ".join(f"{name} {100 * weight / total:.3g} %" for name, weight in named.items())
    sentence = f"Share of the loss by class: {shares}."
    if others:
        get = "is not named and gets" if len(others) == 1 else "are not named and get"
        mean = 100 * sum(named.values()) / len(named) / total
        sentence += f" {_listed(others)} {get} the mean of these, {mean:.3g} %"
        sentence += "." if len(others) == 1 else " each."
    return sentence


def misses_classes(recipe: Recipe, class_names: Sequence[str]) -> bool:
    """Whether the recipe has weights by class name, but not for all of these classes."""
    if recipe.class_weights is None or recipe.class_weights == "frequency":
        return False
    return len(by_name(recipe.class_weights, class_names)) < len(class_names)


def _is_used(field: Field, start: Start, recipe: Recipe) -> bool:
    if field.anew:
        return start != "parent"
    if field.network and field.network != recipe.network:
        return False
    if start == "none" or not field.from_nothing:
        return True
    return field.early and start != "parent" and takes_weights(recipe)


def _known(name: str) -> Field:
    field = BY_NAME.get(name)
    if field is None:
        raise Invalid(f"A recipe has no field “{name[:40]}”; it has {', '.join(BY_NAME)}.")
    return field


def _refuse_unused(field: Field, start: Start, recipe: Recipe) -> None:
    if field.anew and start == "parent":
        raise Invalid(f"{field.label} ({field.name}) is the parent's; choose another start to change it.")
    if field.network and field.network != recipe.network:
        raise Invalid(f"{field.label} ({field.name}) is part of {field.network} only; choose that network.")
    if not _is_used(field, start, recipe):
        raise Invalid(
            f"{field.label} ({field.name}) can be changed only for a network that starts from random "
            "weights (none)."
        )


def _phases(
    recipe: Recipe, values: Mapping[str, Any], asked: Mapping[str, Value], *, tunes: bool
) -> tuple[Phase, ...]:
    *earlier, main = phases_of(recipe, tunes=tunes)
    head = earlier.pop(0) if earlier and earlier[0].frozen else HEAD
    head = dataclasses.replace(head, epochs=values["frozen_epochs"])
    if "frozen_lr" in asked:
        head = dataclasses.replace(head, lr_max=values["frozen_lr"], lr_min=values["frozen_lr"] / 100)
    main = dataclasses.replace(main, epochs=values["epochs"], warm_up=values["warm_up"])
    if asked.keys() & {"lr", "early_layers"}:
        main = dataclasses.replace(main, lr_max=values["lr"], lr_min=values["lr"] * values["early_layers"])
    return (*([head] if head.epochs else []), *earlier, main)


def _epochs(recipe: Recipe) -> int:
    return sum(phase.epochs for phase in recipe.phases)


def _check_early(recipe: Recipe) -> None:
    if recipe.early_epochs and recipe.early_size > recipe.image_size:
        field = BY_NAME["early_size"]
        raise Invalid(
            f"{field.label} ({field.name}) must be at most the image size, {recipe.image_size} pixels, not "
            f"{recipe.early_size}; 0 shows all pixels from the start."
        )
    if recipe.early_size and recipe.early_epochs >= _epochs(recipe):
        field = BY_NAME["early_epochs"]
        raise Invalid(
            f"{field.label} ({field.name}) must be fewer than all {_epochs(recipe)} epochs, not "
            f"{recipe.early_epochs}."
        )


def _plain(value: Value, class_names: Sequence[str]) -> Value:
    """The value for a comparison: weights by name only for these classes, in any spelling of their names."""
    if not isinstance(value, Mapping):
        return value
    return {name: float(weight) for name, weight in by_name(value.items(), class_names).items()}


def _as_weights(value: Value) -> object:
    if isinstance(value, Mapping):
        return tuple(value.items())
    return None if value == "none" else value


def _words(value: Value) -> str:
    return (
        ", ".join(f"{key} {weight:g}" for key, weight in value.items())
        if isinstance(value, Mapping)
        else as_text(value)
    )


def _listed(names: Sequence[str], *, most: int = 8) -> str:
    return (
        ", ".join(names) if len(names) <= most else f"{', '.join(names[:most])} and {len(names) - most} more"
    )
