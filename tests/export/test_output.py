"""A file that a person names: whole or as it was, and nothing that is no file is ever replaced."""

import errno
import os
import stat
from pathlib import Path

import pytest

from app.errors import Invalid, StorageFull
from app.export.output import open_output


def write(path: Path, content: bytes = b"labels") -> None:
    with open_output(path) as file:
        file.write(content)


@pytest.mark.parametrize("name", ["pipe", "link"])
def test_a_pipe_gets_the_bytes_and_stays_a_pipe_also_behind_a_link_as_dev_stdout_is(
    tmp_path: Path, name: str
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "link").symlink_to("pipe")
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write(tmp_path / name)
        assert os.read(reader, 100) == b"labels"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert (tmp_path / "link").is_symlink()


def test_a_link_to_a_file_is_followed_also_where_the_file_is_not_there_yet(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    for name in ("old.csv", "new.csv"):
        (tmp_path / name).symlink_to(f"shared/{name}")
    (tmp_path / "shared" / "old.csv").write_bytes(b"old")
    for name in ("old.csv", "new.csv"):
        write(tmp_path / name)
        assert (tmp_path / name).is_symlink()
        assert (tmp_path / "shared" / name).read_bytes() == b"labels"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("folder", "is a folder; name a file in it"),
        ("nowhere/labels.csv", "There is no folder .*nowhere; make it"),
        ("file/labels.csv", "There is no folder .*file; make it"),
        ("n" * 300, "cannot be written .File name too long.; choose another place"),
    ],
)
def test_what_cannot_be_written_is_a_sentence_that_names_what_was_named(
    tmp_path: Path, path: str, words: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"a file")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(Invalid, match=words) as refused:
        write(tmp_path / path)
    assert ".part" not in str(refused.value)
    assert sorted(tmp_path.iterdir()) == before


def test_a_full_disk_is_said_and_the_file_before_stays(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_bytes(b"before")
    with (
        pytest.raises(StorageFull, match=r"labels\.csv is full; make room there"),
        open_output(tmp_path / "labels.csv"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"before"]
