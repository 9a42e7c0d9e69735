"""Finds out while training how many CPU threads are worth it."""

import time

import torch
from fastai.callback.core import Callback

from app.ml.device import thread_limit

_WINDOW = 3  # batches that a speed is judged by: the fastest of them
_FIRST_PAUSE = 10  # windows between two tries; each try that fails doubles it
_GAIN = 0.9  # a change has to save a tenth of the time


class ThreadTuner(Callback):  # type: ignore[misc]
    """Tries half and twice as many threads for a moment now and then, and stays with what is faster.

    oneDNN's kernels wait for each other in busy loops. On an idle machine two threads are up to a third faster than
    one; when anything else runs, they were measured five times slower (2.5 against 0.5 seconds of CPU a batch), and
    no setting of OpenMP changes that. Nobody can know beforehand whether a browser will be open beside the training.
    """

    run_valid = False

    def __init__(self) -> None:
        super().__init__()
        self.limit = thread_limit()
        self.times: list[float] = []
        self.usual: float | None = None  # seconds an image with the present number of threads
        self.home: int | None = None  # the number to go back to while another is tried
        self.pause = self.left = 0
        self.upwards = True
        self.began = 0.0

    def before_batch(self) -> None:  # noqa: D102
        self.began = time.perf_counter()

    def after_batch(self) -> None:  # noqa: D102
        self.note((time.perf_counter() - self.began) / len(self.learn.yb[0]))

    def note(self, seconds: float) -> None:
        """Take in how long an image of this batch took, and change the number of threads if it is time to."""
        self.times.append(seconds)
        fastest, usual = min(self.times), self.usual
        if self.home is not None and usual is not None and fastest > 1.5 * usual:
            self._go_home()
        elif len(self.times) < _WINDOW:
            return
        elif self.home is None:
            self.usual, self.left = fastest, self.left - 1
            if self.left < 0:
                self._try_another()
        elif usual is not None and fastest < _GAIN * usual:
            self.home, self.usual, self.pause, self.left = None, fastest, _FIRST_PAUSE, 0
        else:
            self._go_home()
        self.times = []

    def _try_another(self) -> None:
        count = torch.get_num_threads()
        self.upwards = count == 1 or (count < self.limit and not self.upwards)
        other = min(self.limit, 2 * count) if self.upwards else max(1, count // 2)
        if other != count:
            self.home = count
            torch.set_num_threads(other)

    def _go_home(self) -> None:
        if self.home is not None:
            torch.set_num_threads(self.home)
        self.home = None
        self.pause = max(_FIRST_PAUSE, 2 * self.pause)
        self.left = self.pause

    def after_fit(self) -> None:
        """Leave the number that is known to be good, for the predictions and the next training."""
        if self.home is not None:
            torch.set_num_threads(self.home)
            self.home = None
