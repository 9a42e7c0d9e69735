"""The features of many images in a file that a killed worker can continue."""

import math
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.errors import Cancelled
from app.files import is_full
from app.ml.backbone import FEATURES, SIZES, Embedder
from app.ml.errors import TrainingFailed
from app.ml.images import Images

_WINDOW = 256  # images between two progress reports; what a killed worker has to compute again
_BYTES = FEATURES * 2
TRIED_AT = 96  # pixels of the images that the pace is measured with
_GROWTH = 2.25  # the time for an image grows with its size to this power (64 to 224 pixels, one core)
_BUDGET = 110.0  # seconds for all images, so that reading them and ranking fit into three minutes
_ENLARGED = 5.0  # times; small images are embedded better when they are enlarged, but not beyond this
_CENTRE = 0.875  # share of a side that the backbone's authors looked at


class Describing(Protocol):
    """What turns images into numbers."""

    def embed(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """uint8 images (n, side, side, 3) to numbers (n, 1280)."""
        ...


def choose_size(sides: Sequence[int] | NDArray[np.integer], *, pace: float) -> int:
    """The size in pixels to look at images with these short sides.

    `pace` is that of `measure_pace`. It is the largest size for which all images take less than two minutes,
    and to which the median image is enlarged at most five times; but not less than 96 for lack of time,
    because the ranking gets much worse. Store it with the job: after a restart the pace is another one.
    """
    if not len(sides):
        return SIZES[0]
    useful = _ENLARGED * statistics.median(int(side) for side in sides)
    sizes = [size for size in SIZES if size <= max(useful, SIZES[0])]
    affordable = [size for size in sizes if _seconds(len(sides), size, pace) <= _BUDGET]
    return max([*affordable, *(size for size in sizes if size <= TRIED_AT)])


def affords_mirrors(count: int, *, size: int, pace: float) -> bool:
    """Whether there is time to look at the mirror images of so many images too; store it with the job.

    They help, but less than a larger size does.
    """
    return 2 * _seconds(count, size, pace) <= _BUDGET


def _seconds(count: int, size: int, pace: float) -> float:
    return count * math.pow(size / TRIED_AT, _GROWTH) / max(pace, 1e-6)


def reading_size(sides: Sequence[int] | NDArray[np.integer], *, size: int) -> int:
    """The side in pixels that images with these short sides are decoded to, to be looked at in this size.

    Of images that are large enough the middle seven eighths are looked at, as the backbone's authors did.
    Small images are looked at as a whole: what they show usually fills them.
    """
    if not len(sides):
        return size
    larger = round(size / _CENTRE)
    return larger if statistics.median(int(side) for side in sides) >= larger else size


def measure_pace(embedder: Embedder, *, seconds: float = 1.0) -> float:
    """How many images of 96 pixels, without mirror images, the embedder computes per second now.

    Measured for about so many seconds.
    """
    tried = embedder.at(TRIED_AT, mirrored=False)
    batch = np.zeros((64 * tried.threads, TRIED_AT, TRIED_AT, 3), np.uint8)
    tried.embed(batch[: tried.threads])  # the first time is slower
    started, count = time.perf_counter(), 0
    while (spent := time.perf_counter() - started) < seconds:
        tried.embed(batch)
        count += len(batch)
    return count / spent


def open_features(path: Path) -> NDArray[np.float16]:
    """The rows (m, 1280) that are in the file; none where there is no file."""
    rows = path.stat().st_size // _BYTES if path.exists() else 0
    return np.memmap(path, np.float16, "r", shape=(rows, FEATURES)) if rows else np.empty((0, FEATURES), "f2")


def take_readable(path: Path) -> dict[int, NDArray[np.float16]]:
    """By row, the features in a file that has images without any; the file is removed.

    So these images are read again, whose files may be back, and the others are not. Nothing is done to a file
    in which every image has features.
    """
    there = np.array(open_features(path))
    readable = ~np.isnan(there[:, 0])
    if readable.all():
        return {}
    path.unlink()
    return {int(row): there[row] for row in np.flatnonzero(readable)}


def compute_features(
    images: Images,
    out: Path,
    *,
    embedder: Describing,
    problems: Mapping[int, Exception] | None = None,
    known: Mapping[int, NDArray[np.float16]] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> NDArray[np.float16]:
    """The features (n, 1280) of all images, mapped from `out`, which has one row after another.

    Rows that are there already are kept, so the name of `out` must depend on the images and the embedder.
    Rows that are `known` are copied, and their images are not read. A row that the images report in
    `problems` while they are read is NaN. `on_progress(done, n)` is called after every 256 images. Raises
    Cancelled when `should_stop` returns True, and TrainingFailed when the disk is full; the rows so far are
    kept.
    """
    n = len(images)
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        with out.open("ab") as file:
            done = min(file.tell() // _BYTES, n)
            file.truncate(done * _BYTES)  # a row that was being written
            for first in range(done, n, _WINDOW):
                if should_stop is not None and should_stop():
                    raise Cancelled("Looking at the images was stopped.")
                rows = np.arange(first, min(first + _WINDOW, n))
                file.write(_window(images, rows, embedder, problems, known or {}).tobytes())
                file.flush()
                if on_progress is not None:
                    on_progress(int(rows[-1]) + 1, n)
            os.fsync(file.fileno())
    except OSError as error:
        if is_full(error):
            raise TrainingFailed("The disk is full. Free some space and import or train again.") from error
        raise
    if not n:
        return np.empty((0, FEATURES), np.float16)
    return np.memmap(out, np.float16, "r", shape=(n, FEATURES))


def _window(
    images: Images,
    rows: NDArray[np.int64],
    embedder: Describing,
    problems: Mapping[int, Exception] | None,
    known: Mapping[int, NDArray[np.float16]],
) -> NDArray[np.float16]:
    """The features (m, 1280) of these rows (m,)."""
    found = np.full((len(rows), FEATURES), np.nan, np.float16)
    is_new = np.array([row not in known for row in rows.tolist()])
    for place in np.flatnonzero(~is_new):
        found[place] = known[int(rows[place])]
    if is_new.any():
        found[is_new] = embedder.embed(images[rows[is_new]]).astype(np.float16)
    found[[row in (problems or {}) for row in rows.tolist()]] = np.nan
    return found
