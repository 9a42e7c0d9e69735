"""Names are compared whatever their Unicode form, case and spaces."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.spelling import by_name, folded, folded_path, places_of, search_key, tidy

names = st.text(st.characters(exclude_categories=["Cs"]))


@given(names)
def test_folding_is_the_same_for_every_form_and_case_of_a_name(name: str) -> None:
    for form in ("NFC", "NFD"):
        assert folded(unicodedata.normalize(form, name)) == folded(name)
    assert folded(folded(name)) == folded(name)
    assert tidy(tidy(name)) == tidy(name)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Café", "cafe\u0301"),
        ("straße", "STRASSE"),
        ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
        ("snow leopard", " Snow\u00a0 leopard\u3000"),
        ("cat", "\ufeffcat\u200b"),
        ("cat", "\u202acat\u202c"),
        ("قطة", "\u200fقطة\u200e"),
        ("cat", "ca\u200dt"),
        ("می\u200cخواهم", "میخواهم"),
        ("❤\ufe0f", "❤"),
        ("İZMİR", "izmir"),
        ("ISPARTA", "ısparta"),
        ("Ｃａｔ", "cat"),
        ("ﾊﾞｽ", "バス"),
        ("ﬁsh", "fish"),
        ("가", unicodedata.normalize("NFD", "가")),
    ],
)
def test_two_spellings_of_one_name_are_folded_alike(one: str, other: str) -> None:
    assert folded(one) == folded(other)


@pytest.mark.parametrize(("one", "other"), [("resume", "résumé"), ("ice cream", "icecream"), ("か", "が")])
def test_different_names_stay_different(one: str, other: str) -> None:
    assert folded(one) != folded(other)


def test_a_name_of_spaces_alone_stays() -> None:
    assert tidy("  ") == "  "


def test_the_very_same_name_comes_before_others_that_are_spelt_alike() -> None:
    assert places_of("a", ["A", "a", "b"]) == [1]
    assert places_of("a ", ["A", "a", "b"]) == [1]
    assert places_of("B", ["A", "a", "b"]) == [2]
    assert places_of("Ä", ["ä", "A\u0308", "b"]) == [1]
    assert places_of(" CAT", ["Cat", "cat"]) == [0, 1]
    assert places_of("bird", ["Cat", "cat"]) == []


def test_values_are_found_by_name_and_the_exact_name_keeps_its_own() -> None:
    assert by_name([("angry", 10), ("fear", 30)], ["Fear", "calm", "Angry"]) == {"Fear": 30, "Angry": 10}
    assert by_name([("A", 1), ("a", 2)], ["a", "A"]) == {"a": 2, "A": 1}


def test_a_path_is_folded_name_by_name() -> None:
    assert folded_path("Train /Gro\u0308ße/IMG  1.PNG") == "train/grösse/img 1.png"
    assert search_key("Train/Cat/IMG 1.PNG") is None  # its lower case is enough
    assert search_key("cat /1.png") == "cat/1.png"
    assert search_key("猫/1.png") == "猫/1.png"
