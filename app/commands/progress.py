"""The progress of a long command, for a terminal and for a log."""

import time
from collections.abc import Callable
from typing import TextIO

EVERY_SECONDS, EVERY_SHARE = 10.0, 0.05  # a line in a log: whichever comes first
MOST_OFTEN = 1.0  # seconds between two lines of one stage
CLEAR = "\r\x1b[K"

Progress = Callable[[str, int, int], None]  # (what is being done, done, total; 0: not known)


def progress_line(out: TextIO, *, clock: Callable[[], float] = time.monotonic) -> Progress:
    """One updated line on a terminal; elsewhere a line per stage, and every ten seconds or 5 % of a stage."""
    return _rewritten(out) if out.isatty() else _Log(out, clock).show


def _rewritten(out: TextIO) -> Progress:
    def show(stage: str, done: int, total: int) -> None:
        out.write(f"{CLEAR}{_percent(done, total)}{stage}")
        out.flush()

    return show


class _Log:
    """Remembers the last line, so that each new line of the log is useful."""

    def __init__(self, out: TextIO, clock: Callable[[], float]) -> None:
        self.out, self.clock = out, clock
        self.stage, self.done, self.share, self.since = "", -1, 0.0, 0.0

    def show(self, stage: str, done: int, total: int) -> None:
        """Print one line if there is something new."""
        short = stage.split(", batch", maxsplit=1)[0]
        share, waited = done / total if total else 0.0, self.clock() - self.since
        if short == self.stage:
            further = share >= self.share + EVERY_SHARE or (done == total and done > self.done)
            if not (waited >= EVERY_SECONDS or (further and (waited >= MOST_OFTEN or done == total))):
                return
        self.stage, self.done, self.share, self.since = short, done, share, self.clock()
        self.out.write(f"{_percent(done, total)}{short}{_counted(done, total)}\n")
        self.out.flush()


def _percent(done: int, total: int) -> str:
    return f"{100 * done / total:5.1f} % " if total else ""


def _counted(done: int, total: int) -> str:
    if total > 1:
        return f", {done:,} of {total:,}"
    return f", {done:,}" if done else ""
