"""What a reading makes of a source, in words and counts."""

import json

from app.datasets.layout import arrange, understand
from app.datasets.layout_outline import DRAWN, TEST_APART, Outline, outline


def test_images_without_a_class_beside_the_parts_are_left_out_and_counted() -> None:
    paths = ["train/cat/1.png", "train/dog/1.png", "test/1.png", "test/2.png"]
    assert understand(paths).doubt == ""
    assert outline(paths, arrange(paths).reading).left_out == {"test": 2}
    kaggle = ["seg_train/seg_train/a/1.png", "seg_train/seg_train/b/1.png", "seg_pred/seg_pred/1.png"]
    kaggle += ["seg_test/seg_test/a/1.png", "seg_test/seg_test/b/1.png"]
    assert outline(kaggle, arrange(kaggle).reading).left_out == {"seg_pred": 1}


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
