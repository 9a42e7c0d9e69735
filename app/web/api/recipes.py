"""Recipes: which there are, and which one is recommended for a data set."""

from typing import Any

from app.datasets.catalog import ready_dataset
from app.ml.recipes import RECIPES
from app.training.fields import FIELDS, values_of
from app.training.recommending import recommend
from app.training.starts import weights_now
from app.web.api.models import Output
from app.web.api.routing import api_router
from app.web.deps import Config, Db

router = api_router("runs")


class FieldOut(Output):
    """A number of a recipe that can be changed."""

    name: str
    allowed: str
    help: str


class RecipesOut(Output):
    """The recipes there are: each a value by field."""

    recipes: dict[str, dict[str, Any]]
    fields: list[FieldOut]


class RecommendationOut(Output):
    """A recipe with changes, and why; a run that names no recipe uses it."""

    recipe: str
    changes: dict[str, int | str]
    images: int
    width: int  # pixels of the median image
    height: int
    seconds: float | None  # expected, if a pace has been measured
    words: str
    reason: str
    warnings: list[str]  # why there is too little to learn from


@router.get("/datasets/{name}/recommendation")
def show_recommendation(name: str, database: Db, settings: Config) -> RecommendationOut:
    """How to train a new network on this data set, why, and how long it takes."""
    starting = weights_now(settings)
    with database.read() as session:
        dataset = ready_dataset(session, name=name)
        advice = recommend(session, dataset_id=dataset.id, starting=starting)
    return RecommendationOut(
        recipe=advice.recipe,
        changes=dict(advice.changes),
        images=advice.shape.images,
        width=advice.shape.width,
        height=advice.shape.height,
        seconds=advice.seconds,
        words=advice.words,
        reason=advice.reason,
        warnings=list(advice.warnings),
    )


@router.get("/recipes")
def list_recipes() -> RecipesOut:
    """The recipes as a first training uses them, and the fields that can be changed."""
    return RecipesOut(
        recipes={name: values_of(recipe, tunes=False) for name, recipe in RECIPES.items()},
        fields=[FieldOut(name=field.name, allowed=field.range, help=field.help) for field in FIELDS],
    )
