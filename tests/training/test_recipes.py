"""Recipes as people change them: every field has a range, other values are refused, nothing else changes."""

import dataclasses
import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.errors import Invalid
from app.ml.recipes import LITE, RECIPES, early_epochs_of, recipe_from_json, to_json, weights_by_position
from app.training.fields import FIELDS, Field, as_text, values_of
from app.training.recipes import (
    differences,
    edit,
    fields_for,
    misses_classes,
    recipe_of,
    weight_words,
    with_network,
)

PAPERS_SIX = ("angry", "fear", "happy", "neutral", "sad", "surprise")
PETS = ("cat", "dog", "owl")
STARTS = ("parent", "none", "imagenet", "file")


def stored(recipe):
    return json.loads(to_json(recipe))


def allowed(field: Field) -> st.SearchStrategy:
    if field.kind == "switch":
        return st.booleans()
    if field.kind == "choice":
        return st.sampled_from(field.choices)
    if field.kind == "weights":
        by_hand = st.dictionaries(st.sampled_from(PETS), st.floats(0.01, 1000), min_size=1)
        return st.sampled_from(["none", "frequency"]) | by_hand
    if field.kind == "whole":
        return st.integers(int(field.low), int(field.high))
    return st.floats(field.low, field.high)


changes_allowed = st.fixed_dictionaries(
    {}, optional={f.name: allowed(f) for f in FIELDS if not f.from_nothing and f.name != "frozen_lr"}
)


@given(changes_allowed, st.sampled_from(list(RECIPES)), st.sampled_from(["parent", "imagenet"]))
def test_a_change_that_is_allowed_is_what_the_recipe_then_has(changes, name, start):
    if start == "parent":
        changes.pop("network", None)
    # where the first epochs see smaller images, their number and size go with the others, as from nothing
    assume(not early_epochs_of(with_network(RECIPES[name], changes.get("network")), start))
    edited = edit(RECIPES[name], changes, start=start, class_names=PETS)
    now = values_of(edited, tunes=start == "parent")
    for field, value in changes.items():
        assert now[field] == (pytest.approx(value, rel=1e-5) if isinstance(value, float) else value)
    before = values_of(RECIPES[name], tunes=start == "parent")
    # without frozen epochs their rate goes back to the usual one
    assert {f for f in now if now[f] != before[f]} <= {
        *changes,
        *([] if now["frozen_epochs"] else ["frozen_lr"]),
    }
    assert recipe_from_json(to_json(edited)) == edited


@given(st.data(), st.sampled_from(list(RECIPES)), st.sampled_from(STARTS))
def test_a_recipe_that_is_sent_back_as_it_was_shown_is_not_edited(data, name, start):
    shown = {
        f.name: as_text(values_of(RECIPES[name], tunes=start == "parent")[f.name])
        for f in fields_for(start, RECIPES[name])
    }
    sent = {field: text for field, text in shown.items() if data.draw(st.booleans())}
    assert edit(RECIPES[name], sent, start=start, class_names=PAPERS_SIX) == RECIPES[name]


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("image_size", "8", "Image size (image_size) must be a whole number, 16 to 512 pixels, not “8”."),
        ("epochs", 2.5, "Epochs (epochs) must be a whole number, 1 to 1000 epochs, not “2.5”."),
        ("folds", 1, "Folds (folds) must be a whole number, 0 or 2 to 10 networks, not “1”."),
        ("label_smoothing", "a lot", "Label smoothing (label_smoothing) must be 0 to 0.5, not “a lot”."),
        ("lr", "nan", "Learning rate (lr) must be 1e-07 to 1, not “nan”."),
        ("keep", "first", "Which epoch judges (keep) must be last or best, not “first”."),
        ("flip", "maybe", "Mirror (flip) must be yes or no, not “maybe”."),
        ("batch_size", True, "Batch size (batch_size) must be a whole number, 2 to 1024 images, not “True”."),
        ("class_weights", "equal", "none, frequency, or a number from 0.01 to 1000 by class"),
        ("class_weights", {"cow": 1}, "“cow” is no class of this data set; its classes are cat, dog, owl."),
        ("class_weights", {"cat": 0}, "The weight of cat (class_weights) must be 0.01 to 1000, not “0”."),
    ],
)
def test_a_refusal_names_the_field_and_its_range(field, value, sentence):
    with pytest.raises(Invalid) as refusal:
        edit(RECIPES["default"], {field: value}, start="none", class_names=PETS)
    assert sentence in str(refusal.value)


def test_an_unknown_field_is_refused_with_those_there_are():
    with pytest.raises(Invalid, match="no field “momentum”; it has frozen_epochs, "):
        edit(RECIPES["default"], {"momentum": 0.9}, start="none", class_names=PETS)


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("start", ["auto", "imagenet", "none"])
def test_another_network_can_be_chosen_in_the_form_of_each_recipe(name, start):
    recipe = RECIPES[name]
    shown = {f.name: as_text(values_of(recipe, tunes=False)[f.name]) for f in fields_for(start, recipe)}
    edited = edit(recipe, shown | {"network": LITE, "epochs": "4"}, start=start, class_names=PAPERS_SIX)
    assert edited.network == LITE
    assert edited.phases[-1].epochs == 4
    if edited.early_size and start != "none":
        assert edited.early_epochs < sum(phase.epochs for phase in edited.phases)


def test_the_first_layers_of_one_network_are_no_field_of_another():
    with pytest.raises(Invalid, match="part of resnet34 only; choose that network"):
        edit(RECIPES["quick"], {"network": LITE, "stem": "deep"}, start="none", class_names=PETS)


def test_todays_recipe_of_the_same_name_keeps_the_network_of_a_run():
    assert recipe_of(stored(with_network(RECIPES["photos"], LITE))).network == LITE
    assert recipe_of(stored(RECIPES["photos"])) == RECIPES["photos"]


def test_a_network_that_goes_on_stays_what_it_is():
    with pytest.raises(Invalid, match="Network \\(network\\) is the parent's"):
        edit(RECIPES["photos"], {"network": "efficientnet-lite0"}, start="parent", class_names=PETS)


def test_what_means_nothing_without_random_weights_is_not_offered_and_refused():
    names = {f.name for f in FIELDS}
    assert names - {f.name for f in fields_for("imagenet", RECIPES["default"])} == {
        "early_size",
        "early_epochs",
        "stem",
    }
    assert names - {f.name for f in fields_for("imagenet", RECIPES["photos"])} == {"stem"}
    with pytest.raises(Invalid, match="random weights"):
        edit(RECIPES["default"], {"early_epochs": 2}, start="imagenet", class_names=PETS)
    with pytest.raises(Invalid, match="random weights"):
        edit(RECIPES["default"], {"stem": "plain"}, start="imagenet", class_names=PETS)


def test_only_the_phases_that_the_run_goes_through_are_changed():
    for start, changed, same in (
        ("parent", "fine_tune_phases", "phases"),
        ("none", "phases", "fine_tune_phases"),
    ):
        edited = edit(RECIPES["paper"], {"epochs": 7}, start=start, class_names=PAPERS_SIX)
        assert getattr(edited, changed)[-1].epochs == 7
        assert getattr(edited, same) == getattr(RECIPES["paper"], same)


def test_a_frozen_phase_can_be_added_and_left_out():
    added = edit(
        RECIPES["default"], {"frozen_epochs": 2, "frozen_lr": 0.02}, start="imagenet", class_names=PETS
    )
    assert [(phase.frozen, phase.epochs) for phase in added.phases] == [(True, 2), (False, 18)]
    assert (added.phases[0].lr_min, added.phases[0].lr_max) == pytest.approx((2e-4, 2e-2))
    assert (
        edit(RECIPES["default"], {"frozen_lr": 0.02}, start="imagenet", class_names=PETS)
        == RECIPES["default"]
    )
    without = edit(RECIPES["paper"], {"frozen_epochs": 0}, start="imagenet", class_names=PAPERS_SIX)
    assert without.phases == RECIPES["paper"].phases[1:]


def test_a_rate_takes_the_early_layers_with_it():
    edited = edit(RECIPES["default"], {"lr": "0.001"}, start="parent", class_names=PETS)
    assert (edited.fine_tune_phases[-1].lr_min, edited.fine_tune_phases[-1].lr_max) == pytest.approx(
        (1e-4, 1e-3)
    )


def test_epochs_with_fewer_pixels_keep_their_share_unless_they_are_changed_too():
    def early(**changes: object) -> int:
        return edit(RECIPES["default"], changes, start="none", class_names=PETS).early_epochs

    assert [early(epochs=n) for n in (1, 2, 9, 18, 36)] == [0, 0, 4, 8, 16]
    assert early(epochs=9, early_epochs=2) == 2
    with pytest.raises(Invalid, match="fewer than all 9 epochs, not 9"):
        early(epochs=9, early_epochs=9)
    with pytest.raises(Invalid, match="at most the image size, 24 pixels, not 32"):
        early(image_size=24)


def test_an_edited_recipe_says_so_and_how():
    edited = edit(
        RECIPES["default"],
        {"epochs": 4, "flip": "no", "class_weights": {"Owl": 3}},
        start="none",
        class_names=PETS,
    )
    assert edited.name == "default, edited"
    assert edit(edited, {"epochs": 5}, start="none", class_names=PETS).name == "default, edited"
    found = {each.label: (each.used, each.usual) for each in differences(stored(edited), start="none")}
    assert found == {
        "Epochs": ("4", "18"),
        "Epochs at the first size": ("1", "8"),
        "Mirror": ("no", "yes"),
        "Class weights": ("owl 3", "none"),
    }
    assert differences(stored(RECIPES["paper"]), start="none") == ()
    assert differences(stored(dataclasses.replace(edited, name="tiny")), start="none") == ()


def test_a_retrain_goes_by_todays_recipe_of_the_name_or_by_the_runs_own_edited_one():
    older = stored(dataclasses.replace(RECIPES["quick"], dropout=0.9))
    assert recipe_of(older) == RECIPES["quick"]
    edited = edit(RECIPES["quick"], {"dropout": 0.3}, start="none", class_names=PETS)
    assert recipe_of(stored(edited)) == edited


def test_the_papers_weights_are_those_of_its_six_classes_whatever_their_case():
    for names in (PAPERS_SIX, tuple(name.capitalize() for name in PAPERS_SIX)):
        weights = weights_by_position(RECIPES["paper"], names, [1] * 6)
        assert [weight / sum(weights) for weight in weights] == pytest.approx(
            [0.10, 0.30, 0.05, 0.15, 0.20, 0.20]
        )
        assert not misses_classes(RECIPES["paper"], names)
    assert weight_words(RECIPES["paper"], PAPERS_SIX) == (
        "Share of the loss by class: angry 10 %, fear 30 %, happy 5 %, neutral 15 %, sad 20 %, surprise 20 %."
    )


def test_of_other_classes_the_papers_weights_say_what_they_come_to():
    seven = (*PAPERS_SIX, "disgust")
    assert misses_classes(RECIPES["paper"], seven)
    assert weight_words(RECIPES["paper"], seven).endswith(
        "disgust is not named and gets the mean of these, 14.3 %."
    )
    assert (
        "this data set has none of these classes, so all of its classes have the same weight"
        in weight_words(RECIPES["paper"], PETS)
    )
    assert weight_words(RECIPES["default"], PETS) == "All classes have the same weight."
