"""Names of part folders in their usual spellings."""

import pytest

from app.datasets.split_words import (
    SplitWord,
    holds_no_labels,
    is_no_class,
    is_thing,
    letters,
    settle,
    split_word,
)


@pytest.mark.parametrize(
    ("folder", "part"),
    [
        ("Training", "train"),
        ("trainImages", "train"),
        ("train_val", "train"),
        ("TRN", "train"),
        ("val-2017", "valid"),
        ("dev", "valid"),
        ("test set", "test"),
        ("TestData02", "test"),
        ("hold-out", "check"),
        ("Evaluation_images", "check"),
    ],
)
def test_a_part_is_known_in_every_usual_spelling(folder: str, part: str) -> None:
    assert split_word(folder) == SplitWord(part, "")


@pytest.mark.parametrize("folder", ["cat", "images", "", "2017", "train_test", "trains", "contest", "latest"])
def test_a_name_with_no_part_or_with_two_names_none(folder: str) -> None:
    assert split_word(folder) is None


def test_a_name_with_more_than_the_part_is_not_plain() -> None:
    found = split_word("animals_train")
    assert found == SplitWord("train", "animals")
    assert not found.is_plain


@pytest.mark.parametrize(
    ("folder", "no_labels", "thing", "no_class"),
    [
        ("unlabelled", True, False, True),
        ("un-labeled images", True, False, True),
        ("seg_pred", True, False, False),
        ("data_set", False, True, True),
        ("JPEGImages", False, True, True),
        ("image_labels", True, False, True),
        ("cat", False, False, False),
        ("2021", False, False, False),
    ],
)
def test_words_for_pictures_and_for_missing_labels_are_told_from_classes(
    folder: str, no_labels: bool, thing: bool, no_class: bool
) -> None:
    assert (holds_no_labels(folder), is_thing(folder), is_no_class(folder)) == (no_labels, thing, no_class)


def test_digits_and_separators_do_not_count() -> None:
    assert letters("patient_007") == letters("Patient-8") == "patient"


@pytest.mark.parametrize(
    ("words", "check"), [(["train", "check"], "valid"), (["valid", "check"], "test"), (["check"], "valid")]
)
def test_a_word_for_either_is_the_validation_part_unless_there_is_one(words: list[str], check: str) -> None:
    parts = settle(words)
    assert parts.pop("check") == check
    assert parts == {word: word for word in words if word != "check"}
