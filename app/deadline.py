"""One deadline for a whole request, however many locks and connections it waits for."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Deadline:
    """A time limit that ends a fixed number of seconds after its last start."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.restart()

    def restart(self) -> None:
        """Start again, after something slow that holds no lock, such as an upload."""
        self._until = time.monotonic() + self._seconds

    @property
    def left(self) -> float:
        """Seconds until the deadline, 0 when it has passed."""
        return max(0.0, self._until - time.monotonic())


_current: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


@contextmanager
def within(seconds: float) -> Iterator[Deadline]:
    """Set a deadline for the block: for this thread and for the threads that run its work."""
    deadline = Deadline(seconds)
    token = _current.set(deadline)
    try:
        yield deadline
    finally:
        _current.reset(token)


def current(usual: float) -> Deadline:
    """The current deadline; if none is set, one in `usual` seconds."""
    return _current.get() or Deadline(usual)


def is_set() -> bool:
    """Whether a deadline is set."""
    return _current.get() is not None


def restart() -> None:
    """Start the current deadline again."""
    if deadline := _current.get():
        deadline.restart()
