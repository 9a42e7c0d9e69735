"""Sources without class folders are refused with what they look like."""

import pytest

from app.datasets.surveying import Survey


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
            "Their labels may be in train.csv.",
        ),
        (
            "train/images/1.jpg test/images/2.jpg data.yaml",
            "may be in data.yaml, which Toploss does not read",
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
