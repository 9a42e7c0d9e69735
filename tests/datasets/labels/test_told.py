"""What a label file does not say clearly is told, and never guessed."""

from app.datasets.label_reading import StatedColumns, StatedLabels
from app.datasets.labels.finding import stated
from app.datasets.labels.placing import by_labels
from app.datasets.layout import Layout
from app.datasets.layout_reading import Reading
from tests.datasets.labels.test_placing import name, tasks


def placed(paths: list[str], content: str | bytes, *, file: str = "labels.csv") -> Layout:
    """The layout of images by a label file that lies beside them."""
    sent = content.encode() if isinstance(content, str) else content
    sizes = dict.fromkeys([*paths, file], 0)
    found = stated(sizes, StatedLabels(file, columns=StatedColumns(split="none")), lambda *_: sent)
    return by_labels(sizes, Reading("labels", labels=found), lambda *_: sent)


def test_a_label_for_a_missing_image_never_goes_to_an_image_with_a_shorter_name() -> None:
    layout = placed(
        ["front.png", "back.png", "side.png"],
        "path,label\n20240101-front.png,dog\nback.png,cat\nside.png,dog\n",
    )
    assert sorted(layout.places) == ["back.png", "side.png"]
    assert "labels.csv: 1 label has no image: 20240101-front.png." in layout.notes


def test_names_matched_without_the_prefix_of_label_studio_are_told() -> None:
    layout = placed([f"{i:02}.png" for i in range(16)], tasks(lambda i: [name(i)]), file="export.json")
    assert len(layout.places) == 16
    assert any("16 names are matched without the 8 digits" in note for note in layout.notes)


def test_no_class_is_taken_from_a_row_with_more_cells_than_the_header_and_the_row_is_told() -> None:
    layout = placed(
        ["1.png", "2.png", "3.png"],
        "filename,class\n1.png,cat,,\n2.png,a,b\n3.png,dog\n4.png,a,b\n",
    )
    assert {path: place.label for path, place in layout.places.items()} == {"1.png": "cat", "3.png": "dog"}
    broken = "labels.csv: its row has more cells than the header"
    assert layout.reasons == {"2.png": broken, "4.png": broken}
    note = "2 rows have more cells than the header and cannot be read; put cells with a delimiter in quotes"
    assert layout.notes == (f"labels.csv: {note}: “2.png, a, b”, “4.png, a, b”.",)


def test_a_row_with_an_empty_label_is_told() -> None:
    layout = placed(["1.png", "2.png", "3.png"], "filename,class\n1.png,cat\n2.png,\n3.png,dog\n")
    assert layout.reasons == {"2.png": "no label in labels.csv"}
    assert layout.unlabelled == ("2.png",)
    assert layout.notes == ("labels.csv: 1 image has no label, so it is left out: 2.png.",)
