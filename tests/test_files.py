"""Files that are whole or not there, for their owner only, and what a killed process leaves."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.files import make_private, sweep, temporary_file, write_atomically

WRITER = """
import sys, time
from pathlib import Path
from app.files import write_atomically
with write_atomically(Path(sys.argv[1])) as partial:
    partial.write_bytes(b"half")
    print("half", flush=True)
    time.sleep(60)
"""


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def age(path: Path, seconds: float) -> None:
    os.utime(path, (time.time() - seconds,) * 2)


def test_a_file_appears_whole_for_its_owner_only_and_an_error_leaves_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / ("ä" * 100 + ".bin")
    with write_atomically(path) as partial:
        partial.write_bytes(b"one")
        assert not path.exists()
    assert (path.read_bytes(), mode(path)) == (b"one", 0o600)
    with pytest.raises(IsADirectoryError), write_atomically(path):
        tmp_path.write_bytes(b"two")
    assert path.read_bytes() == b"one"
    assert names_in(tmp_path) == [path.name]


def test_a_file_for_others_gets_its_mode_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        with write_atomically(tmp_path / "a", mode=0o644) as partial:
            partial.write_bytes(b"one")
    finally:
        os.umask(before)
    assert mode(tmp_path / "a") == 0o644


def test_a_temporary_file_that_was_moved_stays(tmp_path: Path) -> None:
    with temporary_file(tmp_path) as moved, temporary_file(tmp_path):
        moved.replace(tmp_path / "a")
    assert names_in(tmp_path) == ["a"]


def test_what_a_killed_writer_left_is_swept_once_it_is_old_and_what_a_living_one_writes_is_not(
    tmp_path: Path,
) -> None:
    (tmp_path / "below").mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "below" / "a")], stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout
        writer.stdout.readline()
        [part] = (tmp_path / "below").iterdir()
        age(part, 7200)
        assert sweep(tmp_path) == 0
        assert part.exists()
        writer.kill()
    assert part.exists()
    age(part, 60)
    assert sweep(tmp_path) == 0  # young: whoever looks for the fault finds it yet
    age(part, 7200)
    assert sweep(tmp_path) == 1
    assert not part.exists()


def test_what_earlier_versions_left_is_swept_too_and_whole_files_never(tmp_path: Path) -> None:
    for name in (
        ".0123.part",
        "model.safetensors.partial",
        ".a-thumbnail.jpeg.01234567",
        "a.png",
        "b.part.png",
    ):
        (tmp_path / name).write_bytes(b"x")
        age(tmp_path / name, 7200)
    assert sweep(tmp_path) == 3
    assert names_in(tmp_path) == ["a.png", "b.part.png"]


def test_a_sweep_for_one_file_takes_only_what_was_to_become_it(tmp_path: Path) -> None:
    names = [".labels.csv.1.part", ".other.csv.1.part", ".profile", "labels.csv"]
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    assert sweep(tmp_path, name="labels.csv", older_than=0) == 1
    assert names_in(tmp_path) == names[1:]


def test_making_private_takes_what_others_may_do_and_leaves_links_alone(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside.txt"
    (inside / "below").mkdir(parents=True)
    (inside / "below" / "a").write_bytes(b"x")
    outside.write_bytes(b"x")
    for path, given in (
        (inside, 0o755),
        (inside / "below", 0o775),
        (inside / "below" / "a", 0o664),
        (outside, 0o644),
    ):
        path.chmod(given)
    (inside / "link").symlink_to(outside)
    assert make_private([inside, tmp_path / "not there"]) == []
    assert [mode(inside), mode(inside / "below"), mode(inside / "below" / "a")] == [0o700, 0o700, 0o600]
    assert mode(outside) == 0o644
