"""How label files are read is stored, and said in sentences."""

import json

import pytest

from app.datasets.label_reading import Columns, LabelFiles
from app.datasets.layout_choice import as_text, parse
from app.datasets.layout_reading import Reading

TABLE = LabelFiles(
    ("train/metadata.csv", "test/metadata.csv"), "table", Columns("file_name", "label", "split")
)
ONE_HOT = LabelFiles(("train.csv",), "table", Columns("id", one_hot=("rust", "scab")), "/data/x.labels")


@pytest.mark.parametrize("labels", [TABLE, ONE_HOT, LabelFiles(("labels.json",), "fiftyone")])
def test_it_is_stored_and_read_again(labels: LabelFiles) -> None:
    reading = Reading("labels", labels=labels)
    assert Reading.from_json(json.loads(json.dumps(reading.as_json()))) == reading


def test_it_is_said_in_sentences() -> None:
    assert TABLE.words() == [
        "The labels come from train/metadata.csv and 1 more like it, a table.",
        "Column “file_name” names the image, column “label” has the class, column “split” the part.",
    ]
    assert "the columns “rust”, “scab” are classes, marked with 1, no column" in ONE_HOT.words()[1]


def test_it_is_chosen_by_a_text() -> None:
    said = parse([as_text(Reading("labels", labels=TABLE))])
    assert said is not None
    assert said.labels is not None
    assert said.labels.file == "train/metadata.csv"
