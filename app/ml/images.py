"""Decodes images once into one array on disk for training and scoring.

No torch here.
"""

import errno
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from app.decoding import budget
from app.decoding.tones import NO_SCALES, Scales
from app.errors import Cancelled, shortage
from app.files import sweep, temporary_file
from app.ml.decoding import decode_square
from app.ml.errors import ImageUnreadable

_WINDOW = 256  # images in progress: limits memory and the time between two progress reports
_AT_ONCE = 16  # images per task of a thread, because a task costs more than decoding a small image
_GREY = 128  # grey value of a missing image
_SPARE = 1024**3  # bytes to leave free on the disk, for checkpoints and the database

Rows = np.ndarray | Sequence[int]
Reader = Callable[[int], bytes]  # the encoded bytes of an image; called from several threads


class Images(Protocol):
    """The interface of uint8 images (n, size, size, 3): an array, or images that are decoded on access."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, size, size, 3)."""
        ...

    @property
    def dtype(self) -> np.dtype:
        """uint8."""
        ...

    def __len__(self) -> int:  # noqa: D105
        ...

    def __getitem__(self, rows: Any) -> np.ndarray:
        """A copy of these rows."""
        ...


class StreamedImages:
    """Images that are decoded on each access, if their array would not fit on the disk."""

    dtype = np.dtype(np.uint8)

    def __init__(
        self,
        read: Reader,
        n: int,
        *,
        size: int,
        threads: int | None = None,
        scales: Scales = NO_SCALES,
        file_bytes: Sequence[int] | None = None,
        problems: dict[int, Exception] | None = None,
    ) -> None:
        self.read, self.shape = read, (n, size, size, 3)
        self.scales, self.file_bytes, self.problems = scales, file_bytes, problems
        self.pool = ThreadPoolExecutor(threads or min(4, os.cpu_count() or 1), "decode")

    def __len__(self) -> int:  # noqa: D105
        return self.shape[0]

    def __getitem__(self, rows: Rows) -> np.ndarray:
        """Decode these rows. Raises ImageUnreadable, or with `problems` stores it and returns grey."""
        result = np.empty((len(rows), *self.shape[1:]), np.uint8)
        list(self.pool.map(lambda first: self._decode(rows, result, first), range(0, len(rows), _AT_ONCE)))
        return result

    def _decode(self, rows: Rows, result: np.ndarray, first: int) -> None:
        for place in range(first, min(first + _AT_ONCE, len(rows))):
            row = int(rows[place])
            try:
                with budget.files.share(self.file_bytes[row] if self.file_bytes else 0):
                    result[place] = decode_square(self.read(row), self.shape[1], scales=self.scales)
            except Exception as error:  # Pillow raises nearly everything
                if short := shortage(error):
                    raise short from error
                if self.problems is None:
                    raise ImageUnreadable(row, str(error) or type(error).__name__) from error
                self.problems[row] = _without_frames(error)
                result[place] = _GREY


def _without_frames(error: Exception) -> Exception:
    """The error without what tracebacks keep alive, its own and its cause's: the whole file, for example."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def prepare_images(
    read: Reader,
    n: int,
    out: Path,
    *,
    size: int,
    on_progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    threads: int | None = None,
    scales: Scales = NO_SCALES,
    file_bytes: Sequence[int] | None = None,
    problems: dict[int, Exception] | None = None,
    without: Callable[[np.ndarray], Path] | None = None,
) -> np.memmap | StreamedImages:
    """Decode images 0 to n - 1 into `out`, a uint8 array (n, size, size, 3) in .npy format, and map it.

    A complete `out` of this shape is used as it is, so its name must depend on its content. If the array
    would leave less than 1 GiB of the disk free, nothing is written and the images are decoded on each
    access. `on_progress(done, n)` is called at most a few times per second. `scales` are those of deep greys;
    `file_bytes` the size of each file, for the memory that readers share. With `problems` errors of images
    are stored there by row, and all images are read. Such an image is grey; but if `without` returns the file
    for the remaining rows (m,), the array has only these, unless it is streamed. Raises ImageUnreadable for
    an image that cannot be decoded, and Cancelled when `should_stop` returns True. A failure leaves no files.
    """
    if n < 1:
        raise ValueError("there are no images to prepare")
    ready = _open_if_complete(out, n, size)
    if ready is not None:
        return ready
    out.parent.mkdir(parents=True, exist_ok=True)
    sweep(out.parent, name=out.name, older_than=0)  # of processes that were killed while they prepared images
    streamed = StreamedImages(
        read, n, size=size, threads=threads, scales=scales, file_bytes=file_bytes, problems=problems
    )
    with temporary_file(out.parent, name=out.name) as partial:
        array = _new_array(partial, streamed.shape)
        if array is None and problems is None:
            return streamed
        for first in range(0, n, _WINDOW):
            if should_stop is not None and should_stop():
                raise Cancelled("Preparing the images was stopped.")
            rows = range(first, min(first + _WINDOW, n))
            squares = streamed[rows]
            if array is not None:
                array[rows.start : rows.stop] = squares
            if on_progress is not None:
                on_progress(rows.stop, n)
        if array is None:
            return streamed
        if problems and without is not None:
            rest = np.setdiff1d(np.arange(n), list(problems))
            kept = _keep_rows(array, rest, without(rest)) if len(rest) else None
            return streamed if kept is None else kept
        array.flush()
        del array
        partial.replace(out)
    return _open(out)


def _keep_rows(images: np.memmap, rows: np.ndarray, out: Path) -> np.memmap | None:
    """These rows of an array as a new array in `out`; None if the disk has no space for it."""
    with temporary_file(out.parent, name=out.name) as partial:
        array = _new_array(partial, (len(rows), *images.shape[1:]))
        if array is None:
            return None
        for first in range(0, len(rows), _WINDOW):
            array[first : first + _WINDOW] = images[rows[first : first + _WINDOW]]
        array.flush()
        del array
        partial.replace(out)
    return _open(out)


def _new_array(path: Path, shape: tuple[int, ...]) -> np.memmap | None:
    """A new array of bytes in a file; None if it would fill the disk."""
    if shutil.disk_usage(path.parent).free < int(np.prod(shape)) + _SPARE:
        return None
    array: np.memmap = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    return array if _reserve(path) else None


def _reserve(path: Path) -> bool:
    """Allocate the whole file now, if the disk has space: a full disk would kill a process that maps it."""
    try:
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    except AttributeError:  # not on macOS
        return True
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return False
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
            raise
    return True


def _open_if_complete(path: Path, n: int, size: int) -> np.memmap | None:
    try:
        array = _open(path)
    except (OSError, ValueError, EOFError):
        return None
    return array if array.dtype == np.uint8 and array.shape == (n, size, size, 3) else None


def _open(path: Path) -> np.memmap:
    array: np.memmap = np.load(path, mmap_mode="r")
    return array
