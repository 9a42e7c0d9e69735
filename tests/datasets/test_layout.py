"""Which path is which split and class."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.datasets.folders import tree_of
from app.datasets.layout import Place, arrange, images_of, understand
from app.datasets.layout_choice import Said, as_text, parse, reading_of
from app.datasets.layout_outline import DRAWN, TEST_APART, Outline, outline
from app.datasets.layout_reading import Reading
from app.datasets.surveying import Survey, decide
from app.errors import Invalid


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


def test_images_without_a_class_beside_the_parts_are_left_out_and_counted() -> None:
    paths = ["train/cat/1.png", "train/dog/1.png", "test/1.png", "test/2.png"]
    assert understand(paths).doubt == ""
    assert outline(paths, arrange(paths).reading).left_out == {"test": 2}
    kaggle = ["seg_train/seg_train/a/1.png", "seg_train/seg_train/b/1.png", "seg_pred/seg_pred/1.png"]
    kaggle += ["seg_test/seg_test/a/1.png", "seg_test/seg_test/b/1.png"]
    assert outline(kaggle, arrange(kaggle).reading).left_out == {"seg_pred": 1}


def test_a_second_copy_of_the_parts_in_a_zip_is_left_out() -> None:
    once = [f"{part}/{name}/1.png" for part in ("train", "test", "val") for name in ("a", "b")]
    paths = [f"xray/{path}" for path in once] + [f"xray/xray/{path}" for path in once]
    assert understand(paths).doubt == ""
    assert arrange(paths).misplaced == [f"xray/xray/{path}" for path in once]


def test_a_part_that_is_alone_is_trained_on() -> None:
    assert places("test/cat/1.png", "test/dog/1.png")["test/cat/1.png"] == ("train", "cat")


def test_what_was_understood_is_said() -> None:
    made = outline(
        ["x/train/cat/1.png", "x/train/train/1.png", "x/test/cat/1.png", "x/masks/1.png"],
        arrange(["x/train/cat/1.png", "x/train/train/1.png", "x/test/cat/1.png", "x/masks/1.png"]).reading,
    )
    assert made.words() == [
        "Folders above the class folders are parts: train is the training part; test is the test part.",
        DRAWN,
        TEST_APART,
        "train is a class, not a part.",
        "masks: 1 file is left out, in no class folder.",
    ]
    assert [(each.name, each.counts) for each in made.classes] == [
        ("cat", {"train": 1, "test": 1}),
        ("train", {"train": 1}),
    ]
    assert Outline.from_json(json.loads(json.dumps(made.as_json()))) == made


def test_a_stored_reading_places_later_files_as_it_did() -> None:
    paths = ["faces/train/cat/1.png", "faces/train/dog/1.png", "faces/dev/cat/1.png"]
    reading = Reading.from_json(json.loads(json.dumps(arrange(paths).reading.as_json())))
    later = arrange([*paths, "faces/dev/dog/9.png", "elsewhere/1.png"], reading)
    assert later.places["faces/dev/dog/9.png"] == Place("valid", "dog")
    assert later.misplaced == ["elsewhere/1.png"]


names = st.sampled_from(
    ["train", "valid", "cat", "dog", "a", "test_set", "x_train", "x_val", "1.png", "x.txt"]
)
USUAL = {"training_set": "train", "dev": "valid", "TEST": "test"}
trees = st.lists(st.lists(names, min_size=1, max_size=5).map("/".join), unique=True)


@given(trees)
def test_every_path_is_placed_or_misplaced_whatever_the_order(paths: list[str]) -> None:
    layout = arrange(paths)
    assert sorted([*layout.places, *layout.misplaced]) == sorted(paths)
    assert arrange(paths[::-1]).places == layout.places


@given(trees)
def test_every_reading_can_be_said_and_stored(paths: list[str]) -> None:
    tree = tree_of(images_of(paths))
    for reading in understand(paths).readings:
        assert Reading.from_json(reading.as_json()) == reading
        if "train" in reading.folders.values() and not reading.open:
            said = reading_of(tree, parse([as_text(reading)]) or Said())
            assert arrange(paths, said).places == arrange(paths, reading).places


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


@pytest.mark.parametrize("inside", ["test", "Test_images", "unknown", "images"])
def test_a_part_with_one_folder_that_names_no_class_is_left_out(inside: str) -> None:
    paths = ["train/cat/1.png", "train/dog/1.png", f"test/{inside}/1.png"]
    assert arrange(paths).misplaced == [f"test/{inside}/1.png"]
    known = ["train/cat/1.png", "train/unknown/1.png", "test/unknown/1.png"]
    assert arrange(known).misplaced == []


@pytest.mark.parametrize("folders", ["train/p_1 train/p_2 test/p_3", "train/2021 test/2022 test/2023"])
def test_numbered_folders_in_classes_ask_nothing(folders: str) -> None:
    paths = {}
    for folder in folders.split():
        part, inside = folder.split("/")
        for name in ("cat", "dog"):
            paths |= {f"{part}/{name}/{inside}{i}/1.png": (part, name) for i in range(2)}
    assert understand(paths).doubt == ""
    assert places(*paths) == paths


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


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        (
            "train/images/1.jpg train/labels/1.txt val/images/2.jpg val/labels/2.txt",
            "such as train/labels/1.txt",
        ),
        (
            "images/train/1.jpg images/val/2.jpg labels/train/1.txt labels/val/2.txt",
            "such as labels/train/1.txt",
        ),
        ("train/1.jpg train/1.txt valid/2.jpg valid/2.txt", "object detection"),
        ("train2017/1.jpg val2017/2.jpg annotations/instances.json", "such as annotations/instances.json"),
        ("JPEGImages/1.jpg Annotations/1.xml", "object detection"),
        ("train/images/1.jpg test/images/2.jpg", "train are only named images, which are no class folders"),
        (
            "train/images/1.jpg test/images/2.jpg train.csv",
            "may be in train.csv, which Toploss does not read",
        ),
        (
            "train/images/1.png train/labels/1.png val/images/1.png val/labels/1.png",
            "only named images and labels",
        ),
    ],
)
def test_what_has_no_class_folders_is_refused_with_what_it_looks_like(paths: str, words: str) -> None:
    refusal = Survey(dict.fromkeys(paths.split(), 1)).guess().refusal
    assert words in refusal
    assert "Toploss needs a folder for each class" in refusal


def test_label_files_beside_the_images_of_class_folders_are_no_reason_to_refuse() -> None:
    paths = [f"train/{name}/1{end}" for name in ("cat", "dog") for end in (".jpg", ".txt")]
    assert Survey(dict.fromkeys(paths, 1)).guess().refusal == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [("class=both", "none of class=first"), ("none,train=a", "both that there are no parts")],
)
def test_a_class_folder_that_is_none_is_refused(text: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        parse([text])


def test_parts_two_levels_down_are_asked_about() -> None:
    paths = [f"{folder}/1.png" for folder in ("a/cat/train", "a/cat/test", "b/dog/train", "b/dog/test")]
    assert understand(paths).doubt == (
        "a and b may be classes, but cat and dog in them have folders named like parts."
    )
    likely = understand(paths).readings[0]
    assert places_by(paths, likely) == {path: (path.split("/")[2], path.split("/")[1]) for path in paths}


def places_by(paths: list[str], reading: Reading) -> dict[str, tuple[str | None, str]]:
    return {path: (place.split, place.label) for path, place in arrange(paths, reading).places.items()}


def test_spellings_of_one_class_are_one_row_before_the_import_as_after_it() -> None:
    paths = [
        "train/café/1.png",
        "train/café /2.png",
        "train/dog/1.png",
        "train/dog/2.png",
        "valid/DOG/1.png",
        "train/cafe\u0301/3.png",
    ]
    made = outline(paths, arrange(paths).reading)
    assert [(each.name, each.total) for each in made.classes] == [("café", 3), ("dog", 3)]
    assert len(made.notes) == 2
    assert Outline.from_json(json.loads(json.dumps(made.as_json()))) == made
    apart = ["Cat/1.png", "cat/1.png", "dog/1.png"]
    assert "they stay separate classes" in outline(apart, arrange(apart).reading).notes[0]


def test_files_that_cannot_be_read_are_named_with_their_reason_and_counted_in_no_class() -> None:
    paths = [f"{name}/{i}.jpg" for name in ("cat", "dog") for i in range(3)]
    paths += ["cat/3.HEIC", "cat/4.heif", "dog/5.psd", "dog/notes.txt", "dog/a.b.CR2", "dog/clip.mp4"]
    paths += [f"bird/{i}.heic" for i in range(4)]
    made = outline(paths, understand(paths).readings[0])
    assert [(each.name, each.total) for each in made.classes] == [("cat", 3), ("dog", 3)]
    assert all(path.endswith(".jpg") for each in made.classes for path in each.examples)
    words = made.words()
    assert words[-6:] == [
        "6 files are refused by their names: HEIC, which Toploss cannot read; convert it to JPEG or PNG.",
        "1 file is refused by its name: Photoshop, which Toploss cannot read; convert it to JPEG or PNG.",
        "1 file is refused by its name: a camera's RAW, which Toploss cannot read; convert it to JPEG or PNG.",
        "1 file is refused by its name: a video, not an image; save its frames as images.",
        "1 file is refused by its name: not an image.",
        "bird is no class: it has no other image.",
    ]
    assert Outline.from_json(json.loads(json.dumps(made.as_json()))) == made


def test_a_part_without_readable_images_does_not_make_its_classes_unknown() -> None:
    paths = ["train/cat/1.png", "train/dog/1.png", "valid/cat/1.heic", "valid/dog/1.png"]
    made = outline(paths, understand(paths).readings[0])
    assert (made.lost, sum(made.refused.values())) == ((), 1)


def test_what_was_stored_before_such_files_were_named_is_read_still() -> None:
    stored = outline(["cat/1.jpg", "cat/2.heic", "dog/1.jpg"], Reading("none")).as_json()
    del stored["refused"], stored["lost"]
    stored["classes"][0]["examples"].append("cat/2.heic")
    made = Outline.from_json(stored)
    assert (made.refused, made.lost, made.classes[0].examples) == ({}, (), ["cat/1.jpg"])


def test_where_no_file_can_be_read_nothing_is_asked() -> None:
    found = Survey({f"{group}/{name}/1.heic": 9 for group in ("a", "b") for name in ("cat", "dog")})
    assert found.guess().doubt
    assert outline(found.sizes, decide(found, stored=None)).classes == []
