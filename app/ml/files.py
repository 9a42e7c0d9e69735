"""Writing a run's files so that each is whole or not there, whatever happens meanwhile. No torch here."""

from collections.abc import Callable
from pathlib import Path

from app.files import is_full, write_atomically
from app.ml.errors import TrainingFailed


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file beside `path`, and put it in its place when it is safe on the disk.

    Raises TrainingFailed when the disk is full; what was half written is removed then, as after any other
    error.
    """
    try:
        with write_atomically(path) as partial:
            write(partial)
    except Exception as error:
        if is_full(error):
            raise TrainingFailed("The disk is full. Free some space and train again.") from error
        raise
