"""Which files of a source are label files."""

import pytest

from app.datasets.label_reading import LabelFiles
from app.datasets.labels.finding import find_label_files, unused_tables

TWO_MEANINGS = "path,animal,colour\ntrain/0.png,a,x\ntrain/1.png,b,x\ntrain/2.png,a,y\n"
IMAGES = {f"{part}/{i}.png": 9 for part in ("train", "test") for i in range(4)}


def found(tables: dict[str, str]) -> list[LabelFiles]:
    sizes = IMAGES | {path: len(text) for path, text in tables.items()}
    return find_label_files(sizes, lambda _, name: tables[name].encode())


def rows(part: str, columns: str = "path,label") -> str:
    return f"{columns}\n" + "\n".join(f"{part}/{i}.png,{'ab'[i % 2]}" for i in range(4))


def test_files_named_like_parts_are_one() -> None:
    [labels] = found({"train.csv": rows("train"), "test.csv": rows("test")})
    assert labels.files == ("test.csv", "train.csv")


def test_files_that_name_no_images_or_one_class_are_none() -> None:
    assert found({"a.csv": "x,y\n1,2\n", "notes.json": "{}", "b.csv": "path,label\ntrain/0.png,a\n"}) == []
    assert found({"sample_submission.csv": rows("test")}) == []


def test_of_very_many_files_only_known_names_are_read() -> None:
    each = {f"train/{i}.json": "{}" for i in range(50)}
    assert [labels.files for labels in found(each | {"labels.csv": rows("train")})] == [("labels.csv",)]


def unused(tables: dict[str, str]) -> list[str]:
    sizes = IMAGES | {path: len(text) for path, text in tables.items()}
    return unused_tables(sizes, lambda _, name: tables[name].encode())


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("l.csv", TWO_MEANINGS, "which column is the class: its columns are “path”, “animal”, “colour”"),
        ("l.csv", "", "l.csv is empty; it needs a column of paths and one of classes"),
        ("l.csv", "path,label\ntrain/0.png,a\n", "have one class, a"),
        ("l.csv", "path,label\nother/0.jpg,a\n", "has labels for no image"),
        ("l.jsonl", '{"path": "train/0.png"\n', "Line 1 of l.jsonl is no JSON"),
        ("labels.xlsx", "PK", "labels.xlsx is a spreadsheet; save it as CSV in UTF-8"),
    ],
)
def test_why_a_table_is_no_label_file_is_said(name: str, content: str, words: str) -> None:
    [said] = unused({name: content})
    assert words in said


def test_json_of_other_programs_is_not_said_to_be_a_label_file_that_fails() -> None:
    assert unused({"settings.json": '{"a": 1}', "package.json": "[1]"}) == []
