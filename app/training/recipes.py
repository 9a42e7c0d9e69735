"""Choosing a recipe by name."""

from app.errors import Invalid
from app.ml.recipes import RECIPES, Recipe, with_epochs


def choose_recipe(name: str, *, epochs: int | None = None) -> Recipe:
    """The recipe, with other epochs if asked. Raises Invalid, naming the recipes there are."""
    if name not in RECIPES:
        raise Invalid(f"There is no recipe “{name}”; choose one of {', '.join(RECIPES)}.")
    if epochs is not None and epochs < 1:
        raise Invalid("A training has at least one epoch.")
    return RECIPES[name] if epochs is None else with_epochs(RECIPES[name], epochs)
