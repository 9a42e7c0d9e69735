"""Nested folders: which of them are classes."""

import pytest

from app.datasets.folders import tree_of
from app.datasets.layout import arrange, understand
from app.datasets.layout_depth import groups_among


def places(*paths: str) -> dict[str, tuple[str | None, str]]:
    return {path: (place.split, place.label) for path, place in arrange(paths).places.items()}


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


@pytest.mark.parametrize(
    ("names", "is_group"),
    [
        (("cat", "dog"), True),
        (("0", "1"), True),
        (("101", "999"), True),
        (("2021", "2022"), False),
        (("patient_1", "patient_2"), False),
        (("train", "test"), False),
        (("images", "masks"), False),
    ],
)
def test_a_folder_of_several_named_folders_may_be_a_group_of_classes(
    names: tuple[str, ...], is_group: bool
) -> None:
    pets = tree_of([f"pets/{name}/1.png" for name in names]).folders["pets"]
    assert groups_among([pets]) == ([pets] if is_group else [])
