"""Classes without images in a part are told of."""

from pathlib import Path

from app.datasets.coverage import coverage_words, untrained_classes
from app.datasets.creating import create_dataset
from app.datasets.importing import import_images
from app.db.engine import Database
from tests.factories import photo


def test_a_class_without_training_images_is_named_with_what_follows() -> None:
    counts = {
        "bird": {"valid": 4, "test": 1},
        "cat": {"train": 9, "valid": 2},
        "dog": {"train": 9, "valid": 2},
    }
    assert untrained_classes(counts) == ["bird"]
    [words] = coverage_words(counts)
    assert words.startswith("“bird”: no training images, only 5 in the other parts.")
    assert "always count as errors" in words


def test_classes_without_validation_images_or_without_any_are_named() -> None:
    counts = {"a": {"train": 9, "valid": 2}, "b": {"train": 9}, "c": {"train": 1, "test": 3}, "d": {}}
    assert coverage_words(counts) == [
        "“b” and “c”: no validation images, so errors in them are not measured.",
        "“d”: no images at all.",
    ]


def test_nothing_is_said_where_every_part_has_every_class() -> None:
    assert coverage_words({"a": {"train": 1, "valid": 1}, "b": {"train": 1, "valid": 1}}) == []
    assert coverage_words({"a": {"train": 1}, "b": {"train": 1}}) == []  # nothing is held out


def test_an_import_tells_of_a_class_that_only_the_validation_part_has(
    database: Database, tmp_path: Path
) -> None:
    for number, folder in enumerate(("train/cat", "train/dog", "valid/cat", "valid/dog", "valid/bird")):
        (tmp_path / folder).mkdir(parents=True)
        for i in range(2):
            (tmp_path / folder / f"{i}.png").write_bytes(photo((40 * number, 90 * i, 7), size=(6, 6)))
    with database.write() as session:
        dataset_id = create_dataset(session, name="pets", source=str(tmp_path)).id
    for _ in range(2):  # once each time, however often it is repeated
        report = import_images(
            database,
            dataset_id=dataset_id,
            max_pixels=1000,
            on_progress=lambda *_: None,
            should_stop=lambda: False,
        )
        assert [note for note in report.notes if "“bird”: no training images" in note] == list(report.notes)
        assert len(report.notes) == 1
