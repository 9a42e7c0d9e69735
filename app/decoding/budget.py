"""How much memory the decoders of a process take together.

Who decodes waits for a share, sized by the image's header.
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from app.errors import Busy

MEBIBYTE = 1024**2
SMALL = 4 * MEBIBYTE  # a million pixels; so little is never waited for
PATIENCE = 30.0  # seconds that somebody who looks at a page waits
QUEUE = 24  # who wait at most with patience: each of them keeps a thread of the web server


class Budget:
    """Bytes that are shared.

    Turns are in the order of asking, so that small requests cannot pass a large one for ever. Whoever asks
    for more than there is gets all of it, alone.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._changed = threading.Condition()
        self._taken = 0
        self._waiting: deque[object] = deque()

    @contextmanager
    def share(self, size: int, *, patience: float | None = None) -> Iterator[None]:
        """Hold `size` bytes for the length of the block; nobody may ask for a second share meanwhile.

        With `patience` (seconds; left out: as long as it takes) raises Busy when it is used up, or when too
        many wait already.
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
                self._changed.notify_all()  # somebody else is first now


def _busy() -> Busy:
    return Busy(
        "The server decodes as many large images as its memory allows. Try again in a moment.", retry_after=10
    )


# A file is read under a share of the first and decoded under one of the second, always in this order, so
# nobody waits in a circle.
files = Budget(256 * MEBIBYTE)
pixels = Budget(512 * MEBIBYTE)


def set_limit(megabytes: int) -> None:
    """What the decoders of this process may take together, and half as much for the files they read."""
    files.limit, pixels.limit = megabytes * MEBIBYTE // 2, megabytes * MEBIBYTE
