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
