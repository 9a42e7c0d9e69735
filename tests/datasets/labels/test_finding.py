"""Which files of a source are label files."""

from app.datasets.label_reading import LabelFiles
from app.datasets.labels.finding import find_label_files

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
