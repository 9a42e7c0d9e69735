import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

from app.ml.recipes import RECIPES, StartFrom, recipe_from_json, to_json, weights_by_position, with_epochs


def test_reading_recipes_does_not_load_torch():
    code = (
        "import sys, app.ml.recipes, app.ml.images, app.ml.errors; sys.exit('torch' in sys.modules or "
        "'fastai' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", list(RECIPES))
def test_a_recipe_survives_json(name):
    assert recipe_from_json(to_json(RECIPES[name])) == RECIPES[name]


def test_a_recipe_of_an_older_version_takes_todays_defaults():
    old = {key: value for key, value in json.loads(to_json(RECIPES["quick"])).items() if key != "dropout"}
    default = next(field.default for field in dataclasses.fields(RECIPES["quick"]) if field.name == "dropout")
    assert recipe_from_json(old).dropout == default


@pytest.mark.parametrize(
    "text", ["{}", '{"name": "x"}', "[]", "nonsense", to_json(RECIPES["quick"]).replace("folds", "creases")]
)
def test_what_is_no_recipe_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011 - JSON's error is one too
        recipe_from_json(text)


def test_epochs_are_overridden_in_the_last_phase_only():
    changed = with_epochs(RECIPES["paper"], 9)
    assert changed.phases[0] == RECIPES["paper"].phases[0]
    assert (changed.phases[-1].epochs, changed.fine_tune_phases[-1].epochs) == (9, 9)
    with pytest.raises(ValueError, match="at least one epoch"):
        with_epochs(RECIPES["paper"], 0)


def test_epochs_with_fewer_pixels_keep_their_share():
    recipe = RECIPES["default"]
    assert (recipe.early_epochs, recipe.phases[-1].epochs) == (8, 18)
    assert [with_epochs(recipe, epochs).early_epochs for epochs in (1, 2, 9, 18, 36)] == [0, 0, 4, 8, 16]


def test_class_weights_follow_the_name_and_not_the_position():
    names = ("surprise", "angry", "fear", "happy", "neutral", "sad")
    weights = weights_by_position(RECIPES["paper"], names, [1] * 6)
    assert sum(weights) == pytest.approx(len(names))
    assert [weight / sum(weights) for weight in weights] == pytest.approx(
        [0.20, 0.10, 0.30, 0.05, 0.15, 0.20]
    )


def test_a_class_without_a_weight_gets_the_mean():
    weights = weights_by_position(RECIPES["paper"], ("happy", "contempt", "sad"), [1, 1, 1])
    assert weights[1] == pytest.approx((weights[0] + weights[2]) / 2)
    assert weights_by_position(RECIPES["paper"], ("cat", "dog"), [1, 1]) is None


def test_by_frequency_a_class_without_images_weighs_like_the_others():
    recipe = dataclasses.replace(RECIPES["default"], class_weights="frequency")
    assert weights_by_position(recipe, ("a", "b", "c"), [100, 100, 0]) == pytest.approx([1, 1, 1])


def test_by_frequency_a_class_of_half_the_images_weighs_twice_as_much():
    recipe = dataclasses.replace(RECIPES["default"], class_weights="frequency")
    weights = weights_by_position(recipe, ("a", "b", "c"), [100, 50, 0])
    assert weights[1] == pytest.approx(2 * weights[0])
    assert sum(weights) == pytest.approx(3)
    assert recipe_from_json(to_json(recipe)) == recipe


def test_a_start_is_read_from_its_setting():
    assert StartFrom.from_setting("none").kind == "none"
    assert StartFrom.from_setting(" imagenet ").kind == "imagenet"
    assert StartFrom.from_setting("/models/face.pth") == StartFrom("file", Path("/models/face.pth"))
