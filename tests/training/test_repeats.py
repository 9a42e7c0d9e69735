"""Whether a run repeats a finished one."""

from typing import Any

from app.db.engine import Database
from app.ml.recipes import RECIPES
from app.training.models import Run
from app.training.repeats import Repeat, repeat_of
from tests.factories import Made, make_run


def asked_for(made: Made) -> dict[str, Any]:
    """What the run of `made` was asked for with."""
    return {
        "dataset_id": made.dataset_id,
        "version_id": made.version_id,
        "recipe": RECIPES["quick"],
        "weights": "none",
        "parent_id": None,
        "seed": 0,
    }


def test_only_a_finished_run_that_is_alike_in_everything_is_repeated(database: Database, made: Made) -> None:
    make_run(database, made.dataset_id, made.version_id, seed=1)
    asked = asked_for(made)
    others = [
        {"seed": 3},
        {"parent_id": made.run_id, "weights": "parent"},
        {"weights": "imagenet"},
        {"recipe": RECIPES["default"]},
        {"version_id": made.version_id + 1},
    ]
    with database.read() as session:
        assert repeat_of(session, **asked) == Repeat(made.run_id, "Model 1", free_seed=2)
        assert [repeat_of(session, **asked | other) for other in others] == [None] * 5


def test_a_run_of_a_version_whose_recipes_had_fewer_fields_is_repeated_too(
    database: Database, made: Made
) -> None:
    with database.write() as session:
        run = session.get_one(Run, made.run_id)
        run.recipe = {key: value for key, value in run.recipe.items() if key != "network"}
    with database.read() as session:
        found = repeat_of(session, **asked_for(made))
        assert found is not None
        assert found.run_id == made.run_id
