"""Why a whole source cannot be imported, in words."""

import pytest

from app.datasets.layout import arrange
from app.datasets.refusals import check_layout, kind_of, reasons_in_words
from app.errors import Invalid


@pytest.mark.parametrize(
    ("rejected", "files", "words"),
    [
        ({}, 3, ""),
        ({"a.txt": "no image"}, 1, "The only file is refused: no image (a.txt)."),
        ({"b.txt": "no image", "a.txt": "no image"}, 2, "All 2 files are refused: no image (a.txt)."),
        (
            {"a": "too large: 600 MB", "b": "too large: 700 MB", "c": "encrypted"},
            2000,
            "2 of 2,000 files are refused: too large: 600 MB (a). Others: 1 encrypted.",
        ),
    ],
)
def test_the_most_frequent_reason_is_named_with_its_count_and_an_example(
    rejected: dict[str, str], files: int, words: str
) -> None:
    assert reasons_in_words(rejected, files=files) == words


@pytest.mark.parametrize("reason", ["damaged: 3 bytes", "damaged; cut", "damaged (x)", "damaged, or not"])
def test_reasons_of_one_kind_differ_in_their_details_only(reason: str) -> None:
    assert kind_of(reason) == "damaged"


@pytest.mark.parametrize(
    ("paths", "rejected", "words"),
    [
        (["1.png"], {"1.png": "not in a class folder"}, "no image in a class folder in pets.zip"),
        (["cat/1.png"], {}, "pets.zip has only one class, cat."),
    ],
)
def test_a_source_without_two_classes_is_refused_in_words(
    paths: list[str], rejected: dict[str, str], words: str
) -> None:
    with pytest.raises(Invalid, match=words):
        check_layout(arrange(paths), rejected, where="pets.zip")


def test_a_source_with_two_classes_is_not_refused_whatever_else_is_in_it() -> None:
    check_layout(arrange(["cat/1.png", "dog/1.png"]), {"a.txt": "no image"}, where="pets.zip")
