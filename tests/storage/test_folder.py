"""A folder on the local disk: what the import and every later reader read and refuse."""

import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from app.errors import NotFound
from app.storage import Unreadable, entries, open_source
from app.storage.folder import read_bounded
from tests.storage.refusals import problems, refusal


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "cat").mkdir(parents=True)
    (root / "cat" / "1.png").write_bytes(b"one")
    (tmp_path / "secret.txt").write_bytes(b"secret")
    return root


def test_a_folder_gives_its_files_by_relative_path(folder: Path) -> None:
    source = open_source(str(folder))
    assert [(entry.path, entry.size, entry.problem) for entry in source.walk()] == [("cat/1.png", 3, "")]
    assert source.read("cat/1.png") == b"one"
    assert open_source(f"file://{folder}").read("cat/1.png") == b"one"


def test_a_file_that_is_gone_is_not_found(folder: Path) -> None:
    with pytest.raises(NotFound):
        open_source(str(folder)).read("cat/2.png")
    with pytest.raises(NotFound, match="There is no folder"):
        list(open_source(str(folder / "nowhere")).walk())


def test_links_out_of_the_folder_are_refused_when_walked_and_when_read(folder: Path) -> None:
    (folder / "cat" / "out.png").symlink_to(folder.parent / "secret.txt")
    (folder / "out").symlink_to(folder.parent)
    (folder / "cat" / "gone.png").symlink_to(folder / "nothing.png")
    source = open_source(str(folder))
    assert problems(source) == {
        "cat/1.png": "",
        "cat/gone.png": "a link to nothing",
        "cat/out.png": "a link that leaves the folder",
        "out": "a link that leaves the folder",
    }
    for path in ("cat/out.png", "out/secret.txt", "../secret.txt", str(folder.parent / "secret.txt")):
        assert refusal(source, path) == "a link that leaves the folder"


def test_links_inside_of_the_folder_are_followed_to_files_but_not_to_folders(folder: Path) -> None:
    (folder / "cat" / "same.png").symlink_to("1.png")
    (folder / "cat" / "loop").symlink_to(folder)
    (folder / "cat" / "self").symlink_to("self")
    source = open_source(str(folder))
    found = problems(source)
    assert found.pop("cat/self")
    assert found.pop("cat/loop").startswith("a link to a folder")
    assert found == {"cat/1.png": "", "cat/same.png": ""}
    assert source.read("cat/same.png") == b"one"


def test_a_folder_that_is_itself_a_link_is_read(folder: Path) -> None:
    (folder.parent / "link").symlink_to(folder)
    assert open_source(str(folder.parent / "link")).read("cat/1.png") == b"one"


FLIPS = """
import ctypes, os, sys
folder, place, outside = sys.argv[1:]
os.chdir(folder)
os.symlink(outside, "link")
swap, here, exchange = ctypes.CDLL(None).renameat2, -100, 2
print("flips", flush=True)
while swap(here, place.encode(), here, b"link", exchange) == 0:
    pass
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux swaps two names in one step")
@pytest.mark.parametrize(("place", "outside"), [("cat/1.png", "../../secret.txt"), ("cat", "../outside")])
def test_a_file_or_folder_that_is_swapped_for_a_link_while_it_is_read_never_gives_what_lies_outside(
    folder: Path, place: str, outside: str
) -> None:
    (folder.parent / "outside").mkdir()
    (folder.parent / "outside" / "1.png").write_bytes(b"secret")
    (folder.parent / "outside" / "hidden.png").write_bytes(b"secret")
    source, found, names = open_source(str(folder)), Counter[str](), set[str]()
    program = [sys.executable, "-c", FLIPS, str(folder), place, outside]
    with subprocess.Popen(program, stdout=subprocess.PIPE) as flipping:
        assert flipping.stdout
        flipping.stdout.readline()
        began, wanted = time.monotonic(), {"one", "Unreadable"}
        while time.monotonic() < began + 1 or not (wanted <= set(found) or time.monotonic() > began + 60):
            try:
                found[source.read("cat/1.png").decode()] += 1
            except (NotFound, Unreadable) as error:
                found[type(error).__name__] += 1
            names |= {entry.path for entry in source.walk()}
        flipping.kill()
    assert wanted <= set(found)
    assert "secret" not in found
    assert not {name for name in names if "hidden" in name}


def test_a_pipe_is_no_regular_file_and_does_not_block(folder: Path) -> None:
    os.mkfifo(folder / "cat" / "pipe.png")
    source = open_source(str(folder))
    assert problems(source)["cat/pipe.png"] == "not a regular file"
    assert refusal(source, "cat/pipe.png") == "not a regular file"


def test_a_file_larger_than_any_image_is_refused_unread(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "MAX_FILE_BYTES", 2)
    assert problems(open_source(str(folder)))["cat/1.png"].startswith("too large")
    assert refusal(open_source(str(folder)), "cat/1.png").startswith("too large")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux has files that say they are empty")
def test_a_file_that_is_longer_than_its_size_said_is_read_to_its_end_or_to_the_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Path("/proc/self/status").open("rb") as file:
        assert read_bounded(file).endswith(b"\n")
    monkeypatch.setattr(entries, "MAX_FILE_BYTES", 100)
    with Path("/proc/self/status").open("rb") as file:
        assert len(read_bounded(file)) == 101


def test_a_folder_that_may_not_be_listed_is_an_entry_with_a_problem(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir = os.scandir

    def refuse(opened: int) -> object:  # root, who runs many a test, may list everything
        if os.fstat(opened).st_ino == (folder / "cat").stat().st_ino:
            raise PermissionError(13, "Permission denied")
        return scandir(opened)

    monkeypatch.setattr(os, "scandir", refuse)
    assert problems(open_source(str(folder))) == {"cat": "no permission to read it"}
