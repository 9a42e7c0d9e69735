"""The fields of a recipe: a range and a sentence each, and values of any spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Invalid
from app.ml.recipes import RECIPES
from app.training.fields import BY_NAME, FIELDS, GROUPS, Value, as_text, parse, values_of

PAPERS_SIX = ("angry", "fear", "happy", "neutral", "sad", "surprise")


PETS = ("cat", "dog", "owl")


@given(
    st.sampled_from(FIELDS),
    st.text() | st.integers() | st.floats() | st.booleans() | st.none() | st.lists(st.integers()),
)
def test_whatever_is_sent_is_taken_or_refused_in_a_sentence_that_names_the_field(field, value):
    refusals: list[str] = []
    try:
        taken = parse(field, value, class_names=PETS)
    except Invalid as refusal:
        refusals.append(str(refusal))
    else:
        assert parse(field, taken, class_names=PETS) == taken
    assert all(f"({field.name})" in refusal for refusal in refusals)


def test_every_field_stands_in_a_group_and_says_what_it_is():
    assert [group for group in GROUPS if not any(field.group == group for field in FIELDS)] == []
    for field in FIELDS:
        assert field.group in GROUPS
        assert field.help.endswith((".", ".)"))
        assert field.range
    for recipe in RECIPES.values():
        for tunes in (True, False):
            for name, value in values_of(recipe, tunes=tunes).items():
                assert parse(BY_NAME[name], value, class_names=PAPERS_SIX) == value, (recipe.name, name)


@pytest.mark.parametrize(
    ("value", "text"), [(True, "yes"), (False, "no"), (3, "3"), (0.25, "0.25"), ("none", "none")]
)
def test_a_value_is_written_as_it_can_be_sent(value: Value, text: str) -> None:
    assert as_text(value) == text


@given(st.dictionaries(st.sampled_from(PETS), st.floats(0.01, 1000), min_size=1))
def test_weights_that_are_written_are_read_back(weights: dict[str, float]) -> None:
    field = BY_NAME["class_weights"]
    assert parse(field, as_text(weights), class_names=PETS) == weights


def test_a_field_that_0_switches_off_takes_0_and_nothing_between_it_and_its_range() -> None:
    field = BY_NAME["early_size"]
    assert field.range == "0 or 16 to 512 pixels"
    assert (field.lowest, parse(field, "0"), parse(field, 16)) == (0, 0, 16)
    with pytest.raises(Invalid, match="0 or 16 to 512"):
        parse(field, 15)
