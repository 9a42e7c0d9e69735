"""Writes the files of a run completely or not at all. No torch here."""

from collections.abc import Callable
from pathlib import Path

from app.files import is_full, write_atomically
from app.ml.errors import TrainingFailed


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file, and rename it to `path` when it is on the disk.

    Raises TrainingFailed when the disk is full; an incomplete file is removed after every error.
    """
    try:
        with write_atomically(path) as partial:
            write(partial)
    except Exception as error:
        if is_full(error):
            raise TrainingFailed("The disk is full. Free some space and train again.") from error
        raise
