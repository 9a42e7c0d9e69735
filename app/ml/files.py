"""Writing a run's files so that each is whole or not there, whatever happens meanwhile. No torch here."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

from app.ml.errors import TrainingFailed

_FULL = (errno.ENOSPC, errno.EDQUOT)


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file beside `path`, and put it in its place when it is safe on the disk.

    Raises TrainingFailed when the disk is full; what was half written is removed then, as after any other error.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        write(partial)
        _flush(partial)
        partial.replace(path)
        _flush(path.parent)
    except BaseException as error:
        partial.unlink(missing_ok=True)
        if _is_full(error):
            raise TrainingFailed("The disk is full. Free some space and train again.") from error
        raise


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_full(error: BaseException) -> bool:
    """Also where a library (safetensors) only tells it in words."""
    return getattr(error, "errno", None) in _FULL or os.strerror(errno.ENOSPC) in str(error)
