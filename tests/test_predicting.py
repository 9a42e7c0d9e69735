"""How the shell prints probabilities."""

import json
import os

from hypothesis import given
from hypothesis import strategies as st

from app.predicting import MOST_COLUMNS, Chosen, FilePrediction, aligned, as_json, as_table

WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=8)


def said(classes: int, images: int = 2) -> list[FilePrediction]:
    return [
        FilePrediction(f"{i}.png", {f"class{c}": (c + 1) / 1000 for c in range(classes)})
        for i in range(images)
    ]


@given(
    st.integers(1, 5).flatmap(
        lambda n: st.lists(st.lists(WORDS, min_size=n, max_size=n), min_size=1, max_size=5)
    ),
    st.integers(0, 5),
)
def test_columns_stand_below_each_other_and_no_cell_is_lost(rows: list[list[str]], words: int) -> None:
    header, *body = rows
    lines = aligned(header, body, words=words).split("\n")
    assert [line.split() for line in lines] == rows
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    starts = [sum(widths[:i]) + 2 * i for i in range(len(widths))]
    for line, row in zip(lines, rows, strict=True):
        for i, (cell, start, width) in enumerate(zip(row, starts, widths, strict=True)):
            at = start if i < words else start + width - len(cell)
            assert line[at : at + len(cell)] == cell


def test_a_few_classes_stand_beside_each_other_and_many_below() -> None:
    few = as_table(said(3)).split("\n")
    assert few[0].split() == ["image", "predicted", "class0", "class1", "class2"]
    assert few[1].split() == ["0.png", "class2", "0.0010", "0.0020", "0.0030"]
    many = as_table(said(MOST_COLUMNS + 1)).split("\n")
    assert many[0].split() == ["class", "0.png", "1.png"]
    assert many[1].split() == ["class0", "0.0010", "0.0010"]
    assert many[-1].split() == ["predicted", "class12", "class12"]


def test_a_script_gets_every_number_whole() -> None:
    answer = json.loads(as_json(Chosen(3, "faces"), [FilePrediction("a.png", {"cat": 1 / 3, "dog": 2 / 3})]))
    assert answer == {
        "run": 3,
        "dataset": "faces",
        "images": [{"image": "a.png", "predicted": "dog", "probabilities": {"cat": 1 / 3, "dog": 2 / 3}}],
    }


def test_a_file_whose_name_is_no_text_can_still_be_printed() -> None:
    name = os.fsdecode(b"caf\xe9.png")
    as_table([FilePrediction(name, {"cat": 1.0})]).encode()
    assert (
        json.loads(as_json(Chosen(1, "x"), [FilePrediction(name, {"cat": 1.0})]))["images"][0]["image"]
        == name
    )
