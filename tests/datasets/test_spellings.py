"""Folders that spell one class differently are one class, or a person is told."""

import unicodedata

from app.datasets.layout import arrange
from app.datasets.spellings import unify

CAFE, CAFE_OF_A_MAC = "café", unicodedata.normalize("NFD", "café")


def of(*folders: str, known: tuple[str, ...] = ()) -> tuple[dict[str, str], list[str]]:
    paths = [f"{folder}/{i}.png" for folder in folders for i in range(3 if "train" in folder else 2)]
    unified = unify(arrange(paths).places, known)
    return unified.classes, unified.notes


def test_unicode_form_and_spaces_make_no_class_of_their_own_which_is_said() -> None:
    classes, notes = of(f"train/{CAFE}", "train/dog", f"valid/{CAFE_OF_A_MAC}", "valid/dog ")
    assert classes == {CAFE: CAFE, CAFE_OF_A_MAC: CAFE, "dog": "dog", "dog ": "dog"}
    assert len(notes) == 2
    assert "differ only in spaces" in notes[0]


def test_unicode_form_and_spaces_make_no_class_of_their_own_even_side_by_side() -> None:
    classes, _ = of(CAFE, CAFE_OF_A_MAC, "dog", "dog ", " dog")
    assert set(classes.values()) == {CAFE, "dog"}


def test_two_cases_in_different_splits_are_one_class_by_the_name_that_most_files_have() -> None:
    classes, notes = of("valid/Cat", "valid/dog", "train/cat", "train/dog")
    assert classes == {"cat": "cat", "Cat": "cat", "dog": "dog"}
    assert len(notes) == 1
    assert "“Cat” and “cat”" in notes[0]


def test_two_cases_side_by_side_stay_apart_and_a_person_is_told() -> None:
    for folders in (("A", "a", "b"), ("train/A", "train/a", "valid/A", "valid/b")):
        classes, notes = of(*folders)
        assert classes == {"A": "A", "a": "a", "b": "b"}
        assert len(notes) == 1
        assert "“A” and “a”" in notes[0]


def test_signs_that_nobody_sees_make_no_class_of_their_own_which_is_said() -> None:
    for other in ("\u202acat\u202c", "cat\u200e", "\u200fcat"):
        classes, notes = of("train/cat", "train/dog", f"valid/{other}", "valid/dog")
        assert set(classes.values()) == {"cat", "dog"}, ascii(other)
        assert len(notes) == 1


def test_joiners_width_and_the_dot_of_an_i_are_like_case() -> None:
    for one, other in (
        ("cat", "ca\u200dt"),
        ("❤\ufe0f", "❤"),
        ("cat", "Ｃａｔ"),
        ("İzmir", "izmir"),
        ("ISPARTA", "ısparta"),
    ):
        classes, notes = of(f"train/{one}", "train/dog", f"valid/{other}", "valid/dog")
        assert set(classes.values()) == {one, "dog"}, ascii(other)
        assert len(notes) == 1
        classes, notes = of(one, other, "dog")
        assert set(classes.values()) == {one, other, "dog"}
        assert "signs that are not shown; they stay separate" in notes[0]
        assert "differ only in the form of letters" in notes[0]


def test_classes_that_are_known_keep_their_names() -> None:
    assert of(CAFE, "Dog", known=(CAFE_OF_A_MAC, "dog "))[0] == {CAFE: CAFE_OF_A_MAC, "Dog": "dog "}
    classes, notes = of("CAT", "dog", known=("cat", "dog"))
    assert classes == {"CAT": "cat", "dog": "dog"}
    assert "“CAT”" in notes[0]
    assert "“cat”" in notes[0]


def test_letters_that_the_data_set_keeps_apart_stay_apart_when_they_come_one_by_one() -> None:
    classes, notes = of("train/A", "valid/a", "train/b", known=("A", "a", "b"))
    assert classes == {"A": "A", "a": "a", "b": "b"}
    assert len(notes) == 1
