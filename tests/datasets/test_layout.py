"""Which path is which split and class."""

from hypothesis import given
from hypothesis import strategies as st

from app.datasets.layout import Place, arrange


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


def test_a_lone_split_folder_is_no_wrapping_folder() -> None:
    assert places("train/valid/1.png", "train/test/1.png") == {
        "train/valid/1.png": ("train", "valid"),
        "train/test/1.png": ("train", "test"),
    }


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
    assert layout.places["images/dog/notes.txt"] == Place(
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


names = st.sampled_from(["train", "valid", "cat", "dog", "a", "1.png", "x.txt"])


@given(st.lists(st.lists(names, min_size=1, max_size=4).map("/".join), unique=True))
def test_every_path_is_placed_or_misplaced_whatever_the_order(paths: list[str]) -> None:
    layout = arrange(paths)
    assert sorted([*layout.places, *layout.misplaced]) == sorted(paths)
    assert arrange(paths[::-1]).places == layout.places
