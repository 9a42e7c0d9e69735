"""Images decoded once into one array on disk, so that training and scoring never decode again. No torch here."""

import errno
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from app.errors import Cancelled
from app.files import sweep, temporary_file
from app.ml.decoding import decode_square
from app.ml.errors import ImageUnreadable

_WINDOW = 256  # images in flight: bounds memory, and how often progress and stop are looked at
_AT_ONCE = 16  # images a thread takes at a time: handing over a small one costs more than decoding it
_SPARE = 1024**3  # bytes that stay free on the disk, for checkpoints and the database

Rows = np.ndarray | Sequence[int]
Reader = Callable[[int], bytes]  # the encoded bytes of an image; called from several threads


class Images(Protocol):
    """What training and scoring need of uint8 images (n, size, size, 3): an array, or one that only seems to be there."""

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
    """Images decoded anew whenever they are asked for, where their array would not fit on the disk."""

    dtype = np.dtype(np.uint8)

    def __init__(self, read: Reader, n: int, *, size: int, threads: int | None = None) -> None:
        self.read, self.shape = read, (n, size, size, 3)
        self.pool = ThreadPoolExecutor(threads or min(4, os.cpu_count() or 1), "decode")

    def __len__(self) -> int:  # noqa: D105
        return self.shape[0]

    def __getitem__(self, rows: Rows) -> np.ndarray:
        """Decode these rows. Raises ImageUnreadable."""
        result = np.empty((len(rows), *self.shape[1:]), np.uint8)
        list(self.pool.map(lambda first: self._decode(rows, result, first), range(0, len(rows), _AT_ONCE)))
        return result

    def _decode(self, rows: Rows, result: np.ndarray, first: int) -> None:
        for place in range(first, min(first + _AT_ONCE, len(rows))):
            row = int(rows[place])
            try:
                result[place] = decode_square(self.read(row), self.shape[1])
            except Exception as error:
                raise ImageUnreadable(
                    row, str(error) or type(error).__name__
                ) from error  # Pillow raises nearly everything


def prepare_images(
    read: Reader,
    n: int,
    out: Path,
    *,
    size: int,
    on_progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    threads: int | None = None,
) -> np.memmap | StreamedImages:
    """Decode image 0 to n - 1 into `out`, a uint8 array of shape (n, size, size, 3) in .npy format, and map it.

    A complete `out` of this shape is taken as it is: name it after what it holds. Where the array would leave less than
    1 GiB of the disk free, nothing is written and the images are decoded whenever they are asked for.
    `on_progress(done, n)` is called a few times a second at most.
    Raises ImageUnreadable for an image that cannot be decoded, Cancelled when `should_stop` says so. Nothing is left
    behind by a failure.
    """
    if n < 1:
        raise ValueError("there are no images to prepare")
    ready = _open_if_complete(out, n, size)
    if ready is not None:
        return ready
    out.parent.mkdir(parents=True, exist_ok=True)
    sweep(out.parent, name=out.name, older_than=0)  # of processes that were killed while they prepared images
    streamed = StreamedImages(read, n, size=size, threads=threads)
    if shutil.disk_usage(out.parent).free < n * size * size * 3 + _SPARE:
        return streamed
    with temporary_file(out.parent, name=out.name) as partial:
        array = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=streamed.shape)
        if not _reserve(partial):
            return streamed
        for first in range(0, n, _WINDOW):
            if should_stop is not None and should_stop():
                raise Cancelled("Preparing the images was stopped.")
            rows = range(first, min(first + _WINDOW, n))
            array[rows.start : rows.stop] = streamed[rows]
            if on_progress is not None:
                on_progress(rows.stop, n)
        array.flush()
        del array
        partial.replace(out)
    return _open(out)


def _reserve(path: Path) -> bool:
    """Take the room for all of the file now, if there is enough: a mapped file that runs out of it kills the process."""
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
