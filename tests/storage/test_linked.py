"""Folders whose links are followed: caches of data sets."""

import os
from pathlib import Path

import pytest

from app.errors import NotFound
from app.storage import LINKS, Unreadable, open_source


def test_links_are_followed_out_of_the_folder_and_never_in_a_circle(tmp_path: Path) -> None:
    cache, root = tmp_path / "cache", tmp_path / "pets"
    (cache / "objects").mkdir(parents=True)
    (cache / "objects" / "ab12").write_bytes(b"one")
    (cache / "dogs").mkdir()
    (cache / "dogs" / "2.png").write_bytes(b"three")
    (root / "cat").mkdir(parents=True)
    (root / "cat" / "1.png").symlink_to(cache / "objects" / "ab12")
    (root / "cat" / "gone.png").symlink_to(cache / "objects" / "none")
    (root / "cat" / "again").symlink_to(root)
    (root / "dog").symlink_to(cache / "dogs")
    os.mkfifo(root / "cat" / "pipe")
    source = open_source(f"{LINKS}{root}")
    found = {entry.path: (entry.size, entry.problem) for entry in source.walk()}
    assert found == {
        "cat/1.png": (3, ""),
        "dog/2.png": (5, ""),
        "cat/gone.png": (0, "a link to nothing"),
        "cat/again": (0, "a link to a folder that contains it"),
        "cat/pipe": (0, "not a regular file"),
    }
    assert source.read("cat/1.png") == b"one"
    assert source.size("dog/2.png") == 5
    with pytest.raises(NotFound):
        source.read("cat/gone.png")
    with pytest.raises(Unreadable, match="not a regular file"):
        source.read("cat/pipe")
