"""Many files looked at side by side: Pillow and zlib let go of the interpreter while they work on large images."""

import os
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from app.datasets.inspection import Facts, Rejected, inspect
from app.errors import NotFound
from app.storage import ImageSource, Unreadable

THREADS = min(4, os.cpu_count() or 1)
CHUNK = 8  # files a thread takes at once: small images cost less than handing them over, large ones make a stop wait

Result = tuple[str, Facts | str]


def inspect_all(source: ImageSource, paths: Sequence[str], *, max_pixels: int) -> Generator[Result]:
    """(path, its facts or why it is rejected) in the order of the paths; at most a few chunks are read ahead."""

    def look(chunk: Sequence[str]) -> list[Result]:
        return [(path, _look(source, path, max_pixels)) for path in chunk]

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


def _look(source: ImageSource, path: str, max_pixels: int) -> Facts | str:
    try:
        return inspect(source.read(path), max_pixels=max_pixels)
    except (Rejected, Unreadable) as refusal:
        return refusal.reason
    except NotFound:
        return "gone while it was imported"
    except MemoryError:
        return "too large to be read into this machine's memory"
