"""Names: what is clutter, what is unreadable, and class names as folder names."""

from collections.abc import Callable
from functools import reduce

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.datasets.naming import class_name, folder_name, is_blank, is_clutter, name_problem, printable

NASTY = [
    "a/b",
    "..a",
    ".hidden",
    "con",
    "COM1.x",
    "nul",
    "what?",
    "a:b",
    "100%",
    "%2F",
    " space ",
    "dot.",
    "__MACOSX",
    "Thumbs.db",
    "猫",
    "a\\b",
]
readable = st.text(min_size=1).filter(lambda name: not name_problem(name.replace("/", "_")))


def each_of(names: list[str]) -> Callable:
    """A decorator that adds these names to the examples of a property test."""
    return lambda test: reduce(lambda found, name: example(name)(found), names, test)


@given(readable)
@each_of(NASTY)
def test_every_class_name_comes_back_from_its_folder_name(name: str) -> None:
    assert class_name(folder_name(name)) == name


@given(readable)
def test_a_folder_name_is_safe_on_every_system(name: str) -> None:
    folder = folder_name(name)
    assert not set(folder) & set('/\\<>:"|?*')
    assert not folder.startswith((".", " "))
    assert not folder.endswith((".", " "))
    assert not is_clutter(folder)
    assert not name_problem(folder)


@given(readable, readable)
def test_two_classes_never_share_a_folder(one: str, other: str) -> None:
    assert (folder_name(one) == folder_name(other)) == (one == other)


@pytest.mark.parametrize("device", ["con", "CON", "nul.txt", "com1", "LPT9.png", "aux"])
def test_windows_devices_are_escaped(device: str) -> None:
    assert folder_name(device).startswith("%")


@pytest.mark.parametrize("name", ["happy", "Happy face", "snow-leopard", "a_b.c", "猫", "naïve"])
def test_a_safe_name_is_its_own_folder(name: str) -> None:
    assert folder_name(name) == name


@pytest.mark.parametrize("folder", ["50%20off", "%41", "100%", "%00", "%0A", "%zz", "%2f", "%2E%2E", "%FF"])
def test_a_folder_that_only_looks_escaped_is_its_own_class(folder: str) -> None:
    assert class_name(folder) == folder


@pytest.mark.parametrize("path", ["cat/../dog/1.png", "../1.png", "/etc/1.png", "cat//1.png", "./cat/1.png"])
def test_paths_that_wander_are_unsafe(path: str) -> None:
    assert name_problem(path).startswith("unsafe name")


@pytest.mark.parametrize(
    "path", ["cat/a\nb.png", "cat/\x00.png", "cat/\udcff.png", "ca\x85t/1.png", "cat/\u2028.png"]
)
def test_control_characters_and_undecodable_bytes_are_unreadable(path: str) -> None:
    assert name_problem(path).startswith("unreadable name")
    assert not name_problem(printable(path))  # it can be shown and stored, as PostgreSQL and UTF-8 ask


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("ca\tt/1.png", r"the folder “ca\tt” has a tab in it; rename the folder"),
        ("train/cat\n/1.png", r"the folder “cat\n” has a line break in it; rename the folder"),
        ("ca\x07t/1.png", r"the folder “ca\x07t” has a control character in it; rename the folder"),
        ("ca\udcfft/1.png", r"the folder “ca\udcfft” cannot be decoded as UTF-8; rename the folder"),
        ("cat/a\tb.png", "it has a tab in it; rename the file"),
        ("cat/\udcff.png", "it cannot be decoded as UTF-8; rename the file"),
    ],
)
def test_a_name_that_cannot_be_read_says_what_is_to_be_renamed(path: str, words: str) -> None:
    assert name_problem(path) == f"unreadable name: {words}"


BLANK = [
    "\u200b",
    "\u200b\u200d",
    " ",
    "\xa0",
    "\u3000",
    "\ufe0f",
    "\u2800",
    "\u3164",
    "\u202e",
    "\U000e0100",
]


@pytest.mark.parametrize("name", [*BLANK, "%20", "\xad\u2060 "])
def test_a_folder_whose_name_cannot_be_seen_is_to_be_renamed(name: str) -> None:
    problem = name_problem(f"train/{name}/1.png")
    assert problem.startswith("unreadable name: a folder's name has only characters that are not shown (U+")
    assert problem.endswith("); rename it")
    assert not is_blank(f"{name}a")
    assert not name_problem(f"cat/{name}.png")


@pytest.mark.parametrize("name", ["猫", "😀", "-", "a\u200bb", "❤\ufe0f", "é", "\u200fقطة"])
def test_a_name_that_can_be_seen_is_no_problem(name: str) -> None:
    assert not name_problem(f"{name}/1.png")


@pytest.mark.parametrize(
    "path",
    [
        "cat/.DS_Store",
        "__MACOSX/cat/._1.png",
        "cat/Thumbs.db",
        ".git/x.png",
        "cat/.hidden.png",
        "Desktop.ini",
    ],
)
def test_clutter_is_recognised(path: str) -> None:
    assert is_clutter(path)


@pytest.mark.parametrize("path", ["../1.png", "cat/./1.png", "cat/1.png"])
def test_a_path_that_wanders_is_no_clutter_but_is_listed(path: str) -> None:
    assert not is_clutter(path)
