"""Where a network starts: the choice, what `auto` means for a recipe, and the words before the training."""

import dataclasses
import json

import pytest

from app.errors import Invalid
from app.ml.imagenet import Offer
from app.ml.recipes import LITE, RECIPES, RESNET34, takes_weights, to_json
from app.settings import Settings
from app.training.models import Run
from app.training.recipes import edit, fields_for
from app.training.starts import (
    FROM_AUTO,
    Weights,
    choose_start,
    facts_of_start,
    requested_start,
    starts,
    stored_words,
    weights_of,
)

ABSENT = Offer("absent", "no internet")


def test_a_network_starts_where_it_is_asked_to_or_where_the_setting_says():
    settings = ("auto", "", "none", "imagenet", "/models/a.pth")
    assert [choose_start(None, setting=setting, parent=False) for setting in settings] == [
        "auto",
        "auto",
        "none",
        "imagenet",
        "file",
    ]
    assert choose_start(None, setting="imagenet", parent=True) == "parent"
    assert choose_start("none", setting="imagenet", parent=True) == "none"
    assert starts(setting="none", parent=False) == ("auto", "none", "imagenet")
    for word, parent in (("parent", False), ("file", True), ("/etc/passwd", True)):
        with pytest.raises(Invalid, match="cannot start from"):
            choose_start(word, setting="none", parent=parent)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=list(RECIPES))
def test_a_run_stores_the_start_that_was_asked_for(recipe):
    for start, stored in (
        ("parent", "parent"),
        ("none", "none"),
        ("imagenet", "imagenet"),
        ("file", "/a.pth"),
    ):
        assert weights_of(start, setting="/a.pth", recipe=recipe) == stored
        assert facts_of_start(start, recipe) == {}


@pytest.mark.parametrize("name", ["quick", "default"])
def test_automatic_weights_are_random_ones_for_a_recipe_that_is_made_for_these_and_it_says_why(name):
    recipe = RECIPES[name]
    assert weights_of("auto", setting="auto", recipe=recipe) == "none"
    assert facts_of_start("auto", recipe)["start_why"] == f"the recipe {name} is made for these"
    run = Run(weights="none", facts=facts_of_start("auto", recipe))
    assert (
        requested_start(run, Settings(_env_file=None))
        == f"random weights: the recipe {name} is made for these"
    )
    assert fields_for("auto", recipe) == fields_for("none", recipe)
    edited = edit(recipe, {"early_size": 16, "early_epochs": 1}, start="auto", class_names=("a", "b"))
    assert edited.early_size == 16  # it is trained from nothing, so it has the fields of that


def test_automatic_weights_are_imagenets_for_a_recipe_that_trains_the_head_first():
    paper = RECIPES["paper"]
    assert takes_weights(paper)
    assert not takes_weights(dataclasses.replace(paper, stem="deep"))  # no published weights have this stem
    assert weights_of("auto", setting="auto", recipe=paper) == "auto"
    with pytest.raises(Invalid, match="random weights"):
        edit(paper, {"stem": "deep"}, start="auto", class_names=("a", "b"))


@pytest.mark.parametrize(
    ("offer", "automatic", "chosen"),
    [
        (Offer("here"), "ImageNet weights, which are on this machine", "which are on this machine"),
        (Offer("download"), "ImageNet weights, a download of 83 MB", "a download of 83 MB"),
        (Offer("unknown"), "ImageNet weights if they can be downloaded (83 MB)", "if there is a network"),
        (
            ABSENT,
            "random weights, because ImageNet weights are not on this machine and cannot be downloaded (no",
            "ImageNet weights, which are not on this machine and cannot be downloaded (no internet",
        ),
    ],
)
def test_the_start_is_told_before_the_training_with_the_size_of_a_download(
    offer, automatic, chosen, monkeypatch
):
    monkeypatch.setattr("app.training.starts.weights_now", lambda _settings: Weights("auto", offer))
    settings = Settings(_env_file=None)
    recipe = json.loads(to_json(RECIPES["photos"]))
    assert requested_start(Run(weights="auto", recipe=recipe, facts={}), settings).startswith(automatic)
    assert chosen in requested_start(Run(weights="imagenet", recipe=recipe, facts={}), settings)


def test_weights_that_came_with_toploss_need_no_download():
    lite = dataclasses.replace(RECIPES["photos"], network=LITE)
    assert weights_of("auto", setting="auto", recipe=lite) == "imagenet"
    assert facts_of_start("auto", lite) == {FROM_AUTO: True}
    run = Run(weights="imagenet", recipe=json.loads(to_json(lite)), facts={})
    assert requested_start(run, Settings(_env_file=None)) == "ImageNet weights, which came with Toploss"
    assert stored_words("imagenet", network=run.network) == "ImageNet weights of EfficientNet-Lite0"
    assert stored_words("imagenet", network=RESNET34) == "ImageNet weights"
