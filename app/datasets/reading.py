"""Inspects many files in parallel threads; Pillow and zlib release the GIL for large images."""

import os
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from app.datasets.inspection import UNKNOWN, Facts, Rejected, inspect
from app.datasets.kinds import reason_by_name
from app.decoding import budget
from app.decoding.tones import NO_SCALES, Scales
from app.errors import NotFound, shortage
from app.storage import ImageSource, Unreadable

THREADS = min(4, os.cpu_count() or 1)
CHUNK = 8  # files per task of a thread: more delay a stop, fewer cost time for small images

Result = tuple[str, Facts | str]


def inspect_all(
    source: ImageSource, sizes: Mapping[str, int], *, max_pixels: int, scales: Scales = NO_SCALES
) -> Generator[Result]:
    """(path, its facts or why it is rejected) in the order of `sizes`, the bytes by path.

    A few chunks are read ahead.
    """
    paths = list(sizes)

    def look(chunk: Sequence[str]) -> list[Result]:
        return [(path, _look(source, path, sizes[path], max_pixels, scales)) for path in chunk]

    ahead: deque[Future[list[Result]]] = deque()
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="import")
    try:
        for start in range(0, len(paths), CHUNK):
            ahead.append(pool.submit(look, paths[start : start + CHUNK]))
            if len(ahead) > 2 * THREADS:
                yield from ahead.popleft().result()
        while ahead:
            yield from ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _look(source: ImageSource, path: str, size: int, max_pixels: int, scales: Scales) -> Facts | str:
    try:
        with budget.files.share(size):
            return inspect(source.read(path), max_pixels=max_pixels, scales=scales)
    except Rejected as refusal:
        return reason_by_name(path) or UNKNOWN if refusal.reason == UNKNOWN else refusal.reason
    except Unreadable as refusal:
        return refusal.reason
    except NotFound:
        return "gone while it was imported"
    except MemoryError as error:
        if size <= budget.files.limit and (short := shortage(error)):
            raise short from error
        return "too large to be read into this machine's memory"
