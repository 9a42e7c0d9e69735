"""Until when whoever asked is willing to wait: one moment for all of a request, however many things it waits for in turn."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Deadline:
    """A moment that is a fixed time away from the last start."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.restart()

    def restart(self) -> None:
        """Count anew, after something that takes its time and holds nobody up, such as an upload."""
        self._until = time.monotonic() + self._seconds

    @property
    def left(self) -> float:
        """Seconds, 0 when it has passed."""
        return max(0.0, self._until - time.monotonic())


_current: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


@contextmanager
def within(seconds: float) -> Iterator[Deadline]:
    """Give what is done in the block, in this thread and those it hands work to, so much time for all its waiting."""
    deadline = Deadline(seconds)
    token = _current.set(deadline)
    try:
        yield deadline
    finally:
        _current.reset(token)


def current(usual: float) -> Deadline:
    """The deadline in force; where there is none, one that is the usual time away."""
    return _current.get() or Deadline(usual)


def is_set() -> bool:
    """Whether there is one."""
    return _current.get() is not None


def restart() -> None:
    """Count the deadline in force anew."""
    if deadline := _current.get():
        deadline.restart()
