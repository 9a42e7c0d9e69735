"""Which path is which split and class."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.datasets.layout import PathMeaning, arrange, understand
from app.datasets.layout_outline import Outline, outline
from app.datasets.layout_reading import Reading
from app.datasets.surveying import Survey, decide


def places(*paths: str) -> dict[str, tuple[str | None, str]]:
    return {path: (place.split, place.label) for path, place in arrange(paths).places.items()}


def test_class_folders_alone_have_no_split() -> None:
    assert places("cat/1.png", "dog/1.png") == {"cat/1.png": (None, "cat"), "dog/1.png": (None, "dog")}


def test_split_folders_are_known_by_all_their_names() -> None:
    found = places(
        "Train/cat/1.png",
        "training/cat/2.png",
        "valid/cat/1.png",
        "VAL/cat/1.png",
        "validation/dog/1.png",
        "test/dog/2.png",
    )
    assert [split for split, _ in found.values()] == ["train", "train", "valid", "valid", "valid", "test"]
    assert arrange(found).classes == ["cat", "dog"]
    assert arrange(found).has_valid


def test_wrapping_folders_are_looked_through() -> None:
    assert places("faces/cat/1.png", "faces/dog/1.png", "README.md")["faces/dog/1.png"] == (None, "dog")
    assert places("faces/train/cat/1.png", "faces/val/cat/1.png")["faces/val/cat/1.png"] == ("valid", "cat")
    assert places("zip/faces/cat/1.png", "zip/faces/dog/1.png")["zip/faces/dog/1.png"] == (None, "dog")


def test_folders_below_a_class_belong_to_it() -> None:
    assert places("train/cat/a/b/1.png", "train/dog/1.png")["train/cat/a/b/1.png"] == ("train", "cat")
    assert places("cat/a/1.png", "dog/1.png")["cat/a/1.png"] == (None, "cat")


def test_train_may_be_a_class_of_vehicles() -> None:
    assert places("train/1.png", "bus/1.png", "car/1.png")["train/1.png"] == (None, "train")


def test_a_folder_beside_the_splits_is_no_class() -> None:
    layout = arrange(["train/cat/1.png", "train/dog/1.png", "unlabelled/1.png"])
    assert layout.misplaced == ["unlabelled/1.png"]
    assert layout.classes == ["cat", "dog"]


def test_files_outside_of_class_folders_are_misplaced() -> None:
    assert arrange(["README.md", "cat/1.png", "dog/1.png", "labels.csv"]).misplaced == [
        "README.md",
        "labels.csv",
    ]
    assert arrange(["train/cat/1.png", "train/dog/1.png", "train/stray.png", "top.png"]).misplaced == [
        "train/stray.png",
        "top.png",
    ]


def test_a_folder_of_documents_is_no_class_and_does_not_hide_a_wrapping_folder() -> None:
    layout = arrange(["docs/readme.txt", "images/cat/1.png", "images/dog/1.png", "images/dog/notes.txt"])
    assert layout.classes == ["cat", "dog"]
    assert layout.misplaced == ["docs/readme.txt"]
    assert layout.places["images/dog/notes.txt"] == PathMeaning(
        None, "dog"
    )  # listed as no image when it is looked at


def test_images_without_a_known_suffix_count_when_there_are_no_others() -> None:
    assert places("cat/0001", "dog/0002")["cat/0001"] == (None, "cat")
    assert places("cat/a.raw", "dog/b.raw")["cat/a.raw"] == (None, "cat")


def test_escaped_class_folders_are_read_back() -> None:
    assert places("train/a%2Fb/1.png", "train/50%20off/1.png")["train/a%2Fb/1.png"] == ("train", "a/b")


def test_nothing_has_an_empty_layout() -> None:
    assert arrange([]).classes == []
    assert arrange(["1.png", "2.png"]).misplaced == ["1.png", "2.png"]


names = st.sampled_from(
    ["train", "valid", "cat", "dog", "a", "test_set", "x_train", "x_val", "1.png", "x.txt"]
)
trees = st.lists(st.lists(names, min_size=1, max_size=5).map("/".join), unique=True)


@given(trees)
def test_every_path_is_placed_or_misplaced_whatever_the_order(paths: list[str]) -> None:
    layout = arrange(paths)
    assert sorted([*layout.places, *layout.misplaced]) == sorted(paths)
    assert arrange(paths[::-1]).places == layout.places


@pytest.mark.parametrize("below", ["images", "imgs", "jpg", "JPEGImages"])
def test_a_word_for_pictures_below_every_class_is_looked_through_and_alone_in_a_part_is_no_class(
    below: str,
) -> None:
    classes = {
        f"{part}/{name}/{below}/1.jpg": (part, name) for part in ("train", "valid") for name in ("n01", "n02")
    }
    alone = [f"test/{below}/1.jpg", f"test/{below}/2.jpg"]
    found = understand([*classes, *alone])
    assert (found.doubt, found.refusal) == ("", "")
    assert places(*classes, *alone) == classes
    assert outline([*classes, *alone], found.readings[0]).left_out == {"test": 2}


def test_files_that_cannot_be_read_are_named_with_their_reason_and_counted_in_no_class() -> None:
    paths = [f"{name}/{i}.jpg" for name in ("cat", "dog") for i in range(3)]
    paths += ["cat/3.JXL", "cat/4.jxl", "dog/5.psd", "dog/notes.txt", "dog/a.b.CR2", "dog/clip.mp4"]
    paths += [f"bird/{i}.jxl" for i in range(4)]
    made = outline(paths, understand(paths).readings[0])
    assert [(each.name, each.total) for each in made.classes] == [("cat", 3), ("dog", 3)]
    assert all(path.endswith(".jpg") for each in made.classes for path in each.examples)
    words = made.words()
    assert words[-6:] == [
        "6 files are refused by their names: JPEG XL, which Toploss cannot read; convert it to JPEG or PNG.",
        "1 file is refused by its name: Photoshop, which Toploss cannot read; convert it to JPEG or PNG.",
        (
            "1 file is refused by its name: a camera's RAW, which Toploss cannot read; "
            "convert it to JPEG or PNG."
        ),
        "1 file is refused by its name: a video, not an image; save its frames as images.",
        "1 file is refused by its name: not an image.",
        "bird is no class: it has no other image.",
    ]
    assert Outline.from_json(json.loads(json.dumps(made.as_json()))) == made


def test_a_part_without_readable_images_does_not_make_its_classes_unknown() -> None:
    paths = ["train/cat/1.png", "train/dog/1.png", "valid/cat/1.jxl", "valid/dog/1.png"]
    made = outline(paths, understand(paths).readings[0])
    assert (made.lost, sum(made.refused.values())) == ((), 1)


def test_what_was_stored_before_such_files_were_named_is_read_still() -> None:
    stored = outline(["cat/1.jpg", "cat/2.jxl", "dog/1.jpg"], Reading("none")).as_json()
    del stored["refused"], stored["lost"]
    stored["classes"][0]["examples"].append("cat/2.jxl")
    made = Outline.from_json(stored)
    assert (made.refused, made.lost, made.classes[0].examples) == ({}, (), ["cat/1.jpg"])


def test_where_no_file_can_be_read_nothing_is_asked() -> None:
    found = Survey({f"{group}/{name}/1.jxl": 9 for group in ("a", "b") for name in ("cat", "dog")})
    assert found.guess().doubt
    assert outline(found.sizes, decide(found, stored=None)).classes == []
