"""Files outside class folders, and classes without any readable image."""

from pathlib import Path

from app.datasets.kinds import CONVERT
from app.datasets.layout import NOT_IN_A_CLASS
from app.datasets.misplaced import MOST_NAMED, notes_of_classes, notes_of_folders, reasons_of
from app.decoding.opening import PNG
from app.storage import open_source

HEIC = f"a HEIC picture; {CONVERT}"


def test_a_misplaced_file_is_rejected_by_what_it_is(tmp_path: Path) -> None:
    files = {"notes.txt": b"words", "raw": PNG + b"rest", "empty.dat": b"", "1.png": PNG + b"rest"}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    sizes = {name: len(content) for name, content in files.items()} | {"gone.dat": 3}
    looked_at: list[int] = []
    found = reasons_of(open_source(str(tmp_path)), sizes, sizes, on_file=lambda: looked_at.append(1))
    assert len(looked_at) == len(sizes)
    assert found["notes.txt"] == NOT_IN_A_CLASS
    assert found["raw"].endswith("it is a PNG, but its name does not say so; give it the suffix .png")
    assert found["1.png"] == NOT_IN_A_CLASS
    assert found["gone.dat"] == "gone while it was imported"


def test_a_class_without_any_image_is_named_with_what_to_do() -> None:
    assert notes_of_classes({"owl": ["damaged: cut"], "cat": [HEIC, HEIC, "damaged: cut"]}) == [
        (
            "Class “cat” has no image: none of its 3 files can be read (a HEIC picture, damaged); "
            "convert them to JPEG or PNG and import again."
        ),
        "Class “owl” has no image: its only file cannot be read (damaged).",
    ]


def test_after_ten_classes_the_others_are_counted() -> None:
    notes = notes_of_classes({f"class {i}": ["damaged"] for i in range(MOST_NAMED + 2)})
    assert len(notes) == MOST_NAMED + 1
    assert notes[-1] == "2 more classes have no image either; see the rejected files."


def test_a_folder_of_unread_pictures_is_no_class_of_its_own_where_the_class_has_images() -> None:
    reasons = {"cat/1.heic": HEIC, "train/dog/1.heic": HEIC, "owl/1.heic": HEIC, "owl/a.txt": NOT_IN_A_CLASS}
    assert [note.split("”")[0] for note in notes_of_folders(reasons, placed=["dog/2.png"])] == ["Class “cat"]


def test_one_more_class_without_an_image_is_written_in_the_singular() -> None:
    notes = notes_of_classes({f"class {number:02}": ["empty"] for number in range(MOST_NAMED + 1)})
    assert notes[-1] == "1 more class has no image either; see the rejected files."
