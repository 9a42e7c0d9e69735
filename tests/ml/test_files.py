import errno

import pytest

from app.ml.errors import TrainingFailed
from app.ml.files import write_whole


def test_a_file_is_there_when_it_is_whole(tmp_path):
    write_whole(tmp_path / "a", lambda path: path.write_text("new"))
    assert (tmp_path / "a").read_text() == "new"
    with pytest.raises(ZeroDivisionError):
        write_whole(tmp_path / "a", lambda path: path.write_text("half") and 1 / 0)
    assert (tmp_path / "a").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize(
    "problem",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        ValueError("I/O error: No space left on device (os error 28)"),
    ],
)
def test_a_full_disk_is_said_in_words_and_leaves_nothing_half_written(tmp_path, problem):
    def write(path):
        path.write_text("half")
        raise problem

    with pytest.raises(TrainingFailed, match="disk is full"):
        write_whole(tmp_path / "a", write)
    assert list(tmp_path.iterdir()) == []
