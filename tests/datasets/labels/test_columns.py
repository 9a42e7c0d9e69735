"""The columns of a label file are found by what they hold and by their names."""

import pytest

from app.datasets.label_reading import Columns, StatedColumns
from app.datasets.labels.columns import guess_columns, parts_of
from app.datasets.labels.tables import read_table
from app.errors import Invalid

FOUND_OUT = StatedColumns()


def guessed(text: str, shares: list[float], said: StatedColumns = FOUND_OUT) -> Columns:
    return guess_columns(read_table(text.encode(), name="l.csv"), names_files=shares, said=said)


def test_the_column_that_names_most_files_is_the_path_whatever_its_name() -> None:
    assert guessed("id,photo of,label\n1,a,x\n2,b,y\n", [0.1, 0.9, 0]) == Columns("photo of", "label")
    assert guessed("id,image,label\n1,1,x\n2,2,y\n", [1, 1, 0]) == Columns("image", "label")


def test_a_single_other_column_that_repeats_is_the_class() -> None:
    assert guessed("path,culture\na,x\nb,x\nc,y\n", [1, 0]) == Columns("path", "culture")
    with pytest.raises(Invalid, match="which column is the class"):
        guessed("path,culture\na,x\nb,z\nc,y\n", [1, 0])  # every row another one


def test_columns_of_zeros_and_ones_are_classes_only_without_a_column_of_classes() -> None:
    assert guessed("id,rust,scab\na,0,1\nb,1,0\n", [1, 0, 0]).one_hot == ("rust", "scab")
    assert guessed("id,rust,scab,label\na,0,1,x\nb,1,0,y\n", [1, 0, 0, 0]) == Columns("id", "label")


def test_a_column_named_like_parts_without_parts_is_none() -> None:
    assert guessed("path,label,set\na,x,red\nb,y,blue\n", [1, 0, 0]).split == ""
    assert (
        guessed("path,label,set\na,x,train\nb,y,test\n", [1, 0, 0], StatedColumns(split="none")).split == ""
    )


def test_values_of_parts() -> None:
    assert parts_of(["train", "eval", ""], column="split") == {"train": "train", "eval": "valid", "": None}
    assert parts_of(["train", "red"], column="split") is None
    assert parts_of(["True", "false"], column="is_test") == {"True": "test", "false": "train"}


@pytest.mark.parametrize(
    "said",
    [StatedColumns(label="path"), StatedColumns("label", "label"), StatedColumns(label="x", split="x")],
)
def test_one_column_is_not_two_things(said: StatedColumns) -> None:
    with pytest.raises(Invalid, match="is named twice; name another"):
        guessed("path,label,x\na,cat,train\nb,dog,test\n", [1, 0, 0], said)


def test_of_two_columns_with_the_name_of_the_label_none_is_taken_unless_a_person_says_which() -> None:
    text = "path,label,label\na.png,cat,dog\nb.png,dog,dog\n"
    with pytest.raises(
        Invalid, match=r"several columns “label”; .*“column 3”\. Name the right one \(--path-column"
    ):
        guessed(text, [1, 0, 0])
    for name in ("label", "column 3"):
        assert guessed(text, [1, 0, 0], StatedColumns(label=name)).label == name
    assert guessed("path,label,note,note\na.png,cat,x,y\nb.png,dog,x,y\n", [1, 0, 0, 0]).label == "label"
