"""Limits the memory that the image decoders of a process use together.

A decoder waits for its share, whose size follows from the image's header.
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from app.errors import Busy, Invalid

MEBIBYTE = 1024**2
SMALL = 4 * MEBIBYTE  # a million pixels; smaller shares never wait
PATIENCE = 30.0  # seconds that a page's request waits
MOST = 1.25  # times the memory for pixels that an image of a page may need; it is decoded alone
QUEUE = 24  # most requests that wait with patience, because each occupies a thread of the web server


class TooLarge(Invalid):
    """An image that a request may not decode; `reason` says why in a few words."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The image is {reason}. Save it with fewer pixels, or ask an operator of the server to raise "
            "TOPLOSS_DECODING_MB."
        )
        self.reason = reason


class Budget:
    """A number of bytes that threads share.

    Requests are served in their order, so that small ones cannot delay a large one for ever. A request for
    more than the limit gets all of it and runs alone; `opening.memory_to_decode` refuses those of pages that
    are much larger.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._changed = threading.Condition()
        self._taken = 0
        self._waiting: deque[object] = deque()

    @contextmanager
    def share(self, size: int, *, patience: float | None = None) -> Iterator[None]:
        """Hold `size` bytes during the block; a thread may hold only one share of a budget at a time.

        With `patience` (seconds; None: no limit) raises Busy when this time is over, or when too many
        requests already wait.
        """
        if size <= SMALL:
            yield
            return
        size = min(size, self.limit)
        self._take(size, patience)
        try:
            yield
        finally:
            with self._changed:
                self._taken -= size
                self._changed.notify_all()

    def _take(self, size: int, patience: float | None) -> None:
        turn, deadline = object(), None if patience is None else monotonic() + patience
        with self._changed:
            if patience is not None and len(self._waiting) >= QUEUE:
                raise _busy()
            self._waiting.append(turn)
            try:
                while self._waiting[0] is not turn or self._taken + size > self.limit:
                    left = None if deadline is None else deadline - monotonic()
                    if left is not None and left <= 0:
                        raise _busy()
                    self._changed.wait(left)
                self._taken += size
            finally:
                self._waiting.remove(turn)
                self._changed.notify_all()  # another thread is the first now


def _busy() -> Busy:
    return Busy(
        "The server is decoding as many large images as its memory allows. Try again in a moment.",
        retry_after=10,
    )


# A file is read under a share of the first and decoded under a share of the second, always in this order, so
# there is no deadlock.
files = Budget(256 * MEBIBYTE)
pixels = Budget(512 * MEBIBYTE)


def set_limit(megabytes: int) -> None:
    """Set the memory for all decoders of this process; their files may use half as much again."""
    files.limit, pixels.limit = megabytes * MEBIBYTE // 2, megabytes * MEBIBYTE
