"""Slows down guessing of passwords."""

import threading
import time
from collections import defaultdict, deque

from app.errors import TooManyAttempts

LIMIT = 10
WINDOW_SECONDS = 300.0


class Attempts:
    """Failed log-ins of this process by name, forgotten after five minutes."""

    def __init__(self) -> None:
        self._failed: dict[str, deque[float]] = defaultdict(deque)
        self._lock = threading.Lock()

    def check(self, name: str) -> None:
        """Raises TooManyAttempts when the name was tried too often lately."""
        with self._lock:
            self._forget()
            if len(self._failed.get(name, ())) >= LIMIT:
                raise TooManyAttempts(
                    "Too many attempts to sign in under this name; wait five minutes and try again."
                )

    def failed(self, name: str) -> None:
        """Count a wrong password."""
        with self._lock:
            self._failed[name].append(time.monotonic())

    def succeeded(self, name: str) -> None:
        """Forget the wrong ones."""
        with self._lock:
            self._failed.pop(name, None)

    def _forget(self) -> None:
        limit = time.monotonic() - WINDOW_SECONDS
        for name in list(self._failed):
            times = self._failed[name]
            while times and times[0] < limit:
                times.popleft()
            if not times:
                del self._failed[name]
