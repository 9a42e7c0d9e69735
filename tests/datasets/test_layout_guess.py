"""What the folders of a source mean, and what a person is asked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.datasets.layout import arrange, understand
from app.datasets.layout_reading import Reading


def places(*paths: str) -> dict[str, tuple[str | None, str]]:
    return {path: (place.split, place.label) for path, place in arrange(paths).places.items()}


# Each `*` stands for every class, so that a layout is one line.
PARTS = [
    ("training_set/* test_set/*", "train test"),
    ("Training/* Testing/*", "train test"),
    ("train/* dev/* test/*", "train valid test"),
    ("train/* eval/*", "train valid"),
    ("train/* val/* evaluation/*", "train valid test"),
    ("train/* holdout/*", "train valid"),
    ("trainset/* testset/*", "train test"),
    ("train_set/* validation-set/*", "train valid"),
    ("TRAIN/* VAL/*", "train valid"),
    ("train images/* test images/*", "train test"),
    ("TrainImages/* TestImages/*", "train test"),
    ("train2017/* val2017/*", "train valid"),
    ("seg_train/seg_train/* seg_test/seg_test/*", "train test"),
    ("animals_train/* animals_test/*", "train test"),
    ("Training/* PublicTest/* PrivateTest/*", "train test test"),
    ("train/images/* valid/images/*", "train valid"),
    ("a/b/train/* a/b/valid/*", "train valid"),
    ("test/train/* test/test/*", "train test"),
    ("*/train */test", "train test"),
    ("*/training_set */validation_set", "train valid"),
    ("wrapped/*/train wrapped/*/Val", "train valid"),
]


@pytest.mark.parametrize(("folders", "parts"), PARTS)
def test_parts_are_known_however_they_are_named_above_and_below_the_class(folders: str, parts: str) -> None:
    patterns = folders.split()
    if "images" in folders and " images" in folders:
        patterns = ["train images/*", "test images/*"]
    wanted = {
        f"{pattern.replace('*', name)}/{i}.png": (part, name)
        for pattern, part in zip(patterns, parts.split(), strict=True)
        for name in ("cat", "dog", "owl")
        for i in range(2)
    }
    assert understand(wanted).doubt == ""
    assert places(*wanted) == wanted
    assert places(*(f"top/folder/{path}" for path in wanted)) == {
        f"top/folder/{path}": place for path, place in wanted.items()
    }


@pytest.mark.parametrize(
    "folders",
    [
        "car train plane",
        "car test plane",
        "cat dog val",
        "bullet_train steam_train car",
        "steam-train bullet-train",
        "train/2021 car/2021 plane/2022",
    ],
)
def test_a_class_named_like_a_part_stays_a_class_among_others(folders: str) -> None:
    paths = [f"{folder}/1.png" for folder in folders.split()]
    assert understand(paths).doubt == ""
    assert places(*paths) == {path: (None, path.split("/")[0]) for path in paths}


def test_a_class_named_like_a_part_has_parts_of_its_own() -> None:
    paths = {f"{name}/{part}/1.png": (part, name) for name in ("car", "train") for part in ("train", "test")}
    assert places(*paths) == paths
    above = {f"{part}/{name}/1.png": (part, name) for name in ("car", "train") for part in ("train", "test")}
    assert understand([*above, "valid/car/1.png"]).doubt == ""
    assert places(*above, "valid/car/1.png") == above | {"valid/car/1.png": ("valid", "car")}


@pytest.mark.parametrize(
    ("folders", "classes", "others"),
    [
        ("A/cat A/dog B/cat B/dog", ["cat", "dog"], [["A", "B"], ["A", "B"]]),
        (
            "car/red car/blue train/red train/blue plane/red plane/blue",
            ["blue", "red"],
            [["car", "plane", "train"]],
        ),
        (
            "train/cat train/dog test/cat test/dog extra/cat extra/dog",
            ["cat", "dog"],
            [["extra", "test", "train"]],
        ),
        ("train/cat train/dog food", ["cat", "dog"], [["food", "train"]]),
        ("train/tram train/metro car plane", ["metro", "tram"], [["car", "plane", "train"]]),
        ("train test", ["test", "train"], []),
        ("valid/cat valid/dog test/cat test/dog", ["cat", "dog"], [["test", "valid"]]),
        ("cat/train cat/test dog", ["cat", "dog"], [["cat", "dog"]]),
        ("x/train/cat x/train/dog y/train/cat y/train/dog", ["cat", "dog"], [["x", "y"], ["x", "y"]]),
        ("train/train train/test test/train test/test", ["test", "train"], [["test", "train"]]),
        (
            "car/sedan car/van train/freight train/tram plane/jet",
            ["freight", "jet", "sedan", "tram", "van"],
            [["car", "plane", "train"], ["car/sedan", "car/van", "plane/jet", "train/freight", "train/tram"]],
        ),
        (
            "train/animals/cat train/animals/dog train/plants/fir train/plants/oak test/plants/oak",
            ["cat", "dog", "fir", "oak"],
            [["animals", "plants"], ["animals/cat", "animals/dog", "plants/fir", "plants/oak"]],
        ),
        (
            "animals/train/cat animals/test/cat plants/train/oak plants/test/oak",
            ["cat", "oak"],
            [["animals", "plants"], ["animals/cat", "plants/oak"], ["animals", "plants"]],
        ),
        (
            "a/cat/train a/cat/test b/dog/images/train b/dog/images/test",
            ["cat", "dog"],
            [["a", "b"], ["a/cat", "b/dog"], ["a", "b"]],
        ),
        ("cat/train cat/test cat/extra dog/train dog/test", ["cat", "dog"], [["cat", "dog"]]),
        (
            "animals/cat animals/dog fir oak",
            ["cat", "dog", "fir", "oak"],
            [["animals", "fir", "oak"], ["animals/cat", "animals/dog", "fir", "oak"]],
        ),
        (
            "animals/pets/cat animals/pets/dog fir oak elm",
            ["cat", "dog", "elm", "fir", "oak"],
            [["animals", "elm", "fir", "oak"], ["animals/pets/cat", "animals/pets/dog", "elm", "fir", "oak"]],
        ),
        (
            "train/animals/cat train/animals/dog train/fir train/oak test/fir",
            ["cat", "dog", "fir", "oak"],
            [["animals", "fir", "oak"], ["animals/cat", "animals/dog", "fir", "oak"]],
        ),
        (
            "digits/0 digits/1 letters/10 letters/11",
            ["0", "1", "10", "11"],
            [["digits", "letters"], ["digits/0", "digits/1", "letters/10", "letters/11"]],
        ),
        (
            "digits/0 digits/1 star moon sun",
            ["0", "1", "moon", "star", "sun"],
            [["digits", "moon", "star", "sun"], ["digits/0", "digits/1", "moon", "star", "sun"]],
        ),
    ],
)
def test_what_can_be_read_in_several_ways_is_asked(
    folders: str, classes: list[str], others: list[list[str]]
) -> None:
    paths = [f"{folder}/1.png" for folder in folders.split()]
    found = understand(paths)
    assert found.doubt.endswith(".")
    assert [arrange(paths, reading).classes for reading in found.readings] == [classes, *others]


def test_a_second_copy_of_the_parts_in_a_zip_is_left_out() -> None:
    once = [f"{part}/{name}/1.png" for part in ("train", "test", "val") for name in ("a", "b")]
    paths = [f"xray/{path}" for path in once] + [f"xray/xray/{path}" for path in once]
    assert understand(paths).doubt == ""
    assert arrange(paths).misplaced == [f"xray/xray/{path}" for path in once]


def test_a_part_that_is_alone_is_trained_on() -> None:
    assert places("test/cat/1.png", "test/dog/1.png")["test/cat/1.png"] == ("train", "cat")


USUAL = {"training_set": "train", "dev": "valid", "TEST": "test"}


@given(
    st.permutations(list(USUAL)),
    st.sets(st.text("abcdxyz", min_size=4, max_size=8), min_size=2, max_size=5),
    st.lists(st.text("mnopq", min_size=3, max_size=5), max_size=3),
    st.booleans(),
)
def test_usual_layouts_are_understood_whatever_the_classes_and_wrapping_folders(
    parts: list[str], classes: set[str], wrapping: list[str], below: bool
) -> None:
    wanted = {}
    for part, split in zip(parts, (USUAL[part] for part in parts), strict=True):
        for name in classes:
            inside = f"{name}/{part}" if below else f"{part}/{name}"
            wanted["/".join([*wrapping, inside, "1.png"])] = (split, name)
    assert understand(wanted).doubt == ""
    assert places(*wanted) == wanted


def test_a_word_for_pictures_between_class_and_parts_is_looked_through() -> None:
    wanted = {
        f"{name}/images/{part}/1.png": (part, name) for name in ("cat", "dog") for part in ("train", "test")
    }
    assert understand(wanted).doubt == ""
    assert places(*wanted) == wanted


def test_only_the_unknown_folder_beside_parts_in_the_classes_is_asked_for() -> None:
    paths = [f"{name}/{part}/1.png" for name in ("cat", "dog") for part in ("train", "test", "extra")]
    found = understand(paths)
    assert found.readings[0].folders == {"train": "train", "test": "test", "extra": "?"}
    assert found.doubt == "The folders in the classes named test and train are parts; say what extra is."


def test_parts_two_levels_down_are_asked_about() -> None:
    paths = [f"{folder}/1.png" for folder in ("a/cat/train", "a/cat/test", "b/dog/train", "b/dog/test")]
    assert understand(paths).doubt == (
        "a and b may be classes, but cat and dog in them have folders named like parts."
    )
    likely = understand(paths).readings[0]
    assert places_by(paths, likely) == {path: (path.split("/")[2], path.split("/")[1]) for path in paths}


def places_by(paths: list[str], reading: Reading) -> dict[str, tuple[str | None, str]]:
    return {path: (place.split, place.label) for path, place in arrange(paths, reading).places.items()}
