"""The tree of folders that contain images."""

from hypothesis import given
from hypothesis import strategies as st

from app.datasets.folders import Folder, same_name, tree_of

paths = st.lists(st.lists(st.sampled_from("abcD"), min_size=1, max_size=5).map("/".join), max_size=20)


def every(folder: Folder) -> list[Folder]:
    return [folder, *(each for inside in folder.folders.values() for each in every(inside))]


@given(paths)
def test_every_image_is_counted_in_its_folder_and_in_all_folders_above(found: list[str]) -> None:
    tree = tree_of(found)
    for folder in every(tree):
        start = f"{folder.path}/" if folder.path else ""
        below = [path.removeprefix(start) for path in found if path.startswith(start)]
        assert folder.images == len(below)
        assert folder.direct == sum("/" not in path for path in below)
        assert folder.name == folder.path.split("/")[-1]
    assert len({folder.path for folder in every(tree)}) == len(every(tree))


def test_the_only_subfolder_is_the_one_beside_which_nothing_lies() -> None:
    [only, beside, two] = (
        tree_of([f"x/{path}" for path in paths]).folders["x"]
        for paths in (["a/1.png"], ["a/1.png", "2.png"], ["a/1.png", "b/1.png"])
    )
    assert only.only is only.folders["a"]
    assert (beside.only, two.only) == (None, None)


def test_a_folder_is_flat_without_subfolders_or_with_one_that_repeats_its_name() -> None:
    flat = tree_of(["test/1.png", "Seg/seg/1.png", "a/b/1.png", "a/a/b/1.png", "c/c/c/1.png"]).folders
    assert [name for name, folder in flat.items() if folder.is_flat] == ["test", "Seg"]
    assert same_name(flat["Seg"], flat["Seg"].folders["seg"])
    assert not same_name(flat["a"], flat["c"])
