"""What a person says of the folders of a source."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.datasets.folders import tree_of
from app.datasets.layout import arrange, images_of, understand
from app.datasets.layout_choice import StatedLayout, as_text, parse, reading_of
from app.datasets.layout_reading import Reading
from app.errors import Invalid

names = st.sampled_from(
    ["train", "valid", "cat", "dog", "a", "test_set", "x_train", "x_val", "1.png", "x.txt"]
)


trees = st.lists(st.lists(names, min_size=1, max_size=5).map("/".join), unique=True)


@given(trees)
def test_every_reading_can_be_said_and_stored(paths: list[str]) -> None:
    tree = tree_of(images_of(paths))
    for reading in understand(paths).readings:
        assert Reading.from_json(reading.as_json()) == reading
        if "train" in reading.folders.values() and not reading.open:
            said = reading_of(tree, parse([as_text(reading)]) or StatedLayout())
            assert arrange(paths, said).places == arrange(paths, reading).places


@pytest.mark.parametrize(
    ("text", "folders", "wanted"),
    [
        (
            "train=A,test=B",
            "A/cat A/dog B/cat B/dog",
            {"A/cat/1.png": ("train", "cat"), "B/dog/1.png": ("test", "dog")},
        ),
        (
            "train=A,dev=b",
            "cat/A cat/B dog/A dog/B",
            {"cat/A/1.png": ("train", "cat"), "dog/B/1.png": ("valid", "dog")},
        ),
        ("none", "train/a test/a", {"train/a/1.png": (None, "train")}),
        ("train=A,skip=B", "A/cat A/dog B/cat", {"A/cat/1.png": ("train", "cat")}),
        ("train=one, two,valid=b", "x/one,two/cat x/b/cat", None),
        (
            "train=one\u0301,valid=b",
            "\u00f3ne/cat b/cat b/dog on\u00e9/dog",
            {"on\u00e9/dog/1.png": ("train", "dog")},
        ),
    ],
)
def test_a_person_says_which_folder_is_which_part(
    text: str, folders: str, wanted: dict[str, tuple[str, str]] | None
) -> None:
    paths = [f"{folder}/1.png" for folder in folders.split()]
    said = parse([text])
    assert said is not None
    if wanted is None:
        with pytest.raises(Invalid, match="There is no folder one, two here; the folders are"):
            reading_of(tree_of(paths), said)
        return
    layout = arrange(paths, reading_of(tree_of(paths), said))
    assert wanted.items() <= {path: (it.split, it.label) for path, it in layout.places.items()}.items()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A", "does not say which folder is which part"),
        ("fold=A", "“fold” is none of train, valid, test and skip"),
        ("valid=A", "No folder is the training part"),
        ("train=A,valid=a,train=", "names no folder"),
        ("train=A,valid=A", "names a folder twice"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_an_example(text: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        parse([text])


@pytest.mark.parametrize(
    ("text", "words"),
    [("class=both", "none of class=first"), ("none,train=a", "both that there are no parts")],
)
def test_a_class_folder_that_is_none_is_refused(text: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        parse([text])
