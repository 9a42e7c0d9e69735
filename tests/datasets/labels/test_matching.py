"""The image of a row is found however its path is written, and never guessed."""

import pytest

from app.datasets.labels.matching import NOTHING, Files, Found, Way, clean


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("./a/1.png", "a/1.png"),
        ("C:\\x\\1.png", "x/1.png"),
        ("https://host/b%20c/1.png?token=1", "b c/1.png"),
        ("s3://bucket/a/1.png", "a/1.png"),
        ("/data/local-files/?d=a/1%20.png", "a/1 .png"),
        ("e\u0301.png", "é.png"),
    ],
)
def test_a_path_is_cleaned(written: str, path: str) -> None:
    assert clean(written) == path


def test_files_are_found_by_the_end_of_their_path() -> None:
    files = Files(["a/x/1.png", "b/x/1.png", "b/2.JPG", "c/3", "d/4.tar.png"])
    assert files.find("a/x/1.png") == Found("a/x/1.png")
    assert files.find("x/1.png") == Found(several=True)
    assert files.find("x/1.png", Way("b")) == Found("b/x/1.png")
    assert files.find("2") == Found("b/2.JPG")
    assert files.find("3") == Found("c/3")
    assert files.find("d/4.tar") == Found("d/4.tar.png")
    assert files.find("y/2.JPG") == files.find("") == files.find("5") == NOTHING


def test_the_prefix_of_an_upload_is_left_out_only_for_label_studio_where_the_name_is_missing() -> None:
    files = Files(["2.png", "0a1b2c3d-3.png", "3.png"])
    assert files.find("0a1b2c3d-2.png") == NOTHING
    assert files.find("0a1b2c3d-2.png", Way(uploads=True)) == Found("2.png", by_upload=True)
    assert files.find("/data/upload/1/0a1b2c3d-2.png", Way(strip=3)) == Found("2.png", by_upload=True)
    assert files.find("0a1b2c3d-3.png", Way(uploads=True)) == Found("0a1b2c3d-3.png")


def test_folders_of_another_computer_are_left_out_as_few_as_possible() -> None:
    files = Files([f"{part}/{i}.png" for part in ("train", "valid") for i in range(5)])
    paths = [f"/home/eva/train/{i}.png" for i in range(5)]
    way = files.way(paths)
    assert [files.find(path, way).file for path in paths] == [f"train/{i}.png" for i in range(5)]
    assert way.strip == 2


def test_a_file_name_with_another_unicode_form_is_found() -> None:
    assert Files(["e\u0301.png"]).find("é.png") == Found("e\u0301.png")


def test_the_same_characters_come_before_another_unicode_form_of_them() -> None:
    names = ("e\u0301.png", "\u00e9.png")
    for folder in ("", "a/", "a/b/"):
        files = Files([folder + name for name in names])
        for name in names:
            for written in (folder + name, name, folder + name.removesuffix(".png")):
                assert files.find(written) == Found(folder + name)
    both = Files(["a/e\u0301\u0323.png", "a/e\u0323\u0301.png"])
    assert both.find("\u1eb9\u0301.png") == Found(several=True)
    assert Files(["a/e\u0301.png", "b/x.png"]).way(["\u00e9.png"]).likely == ("a",)
