"""Finds a learning rate: a mock training whose rate grows from batch to batch (fastai's `lr_find`)."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from fastai.callback.core import Callback, CancelFitException
from fastai.callback.schedule import valley

from app.errors import Cancelled
from app.ml.images import Images
from app.ml.learner import build_learner
from app.ml.recipes import Recipe, StartFrom

_FEW = 6  # points that do not make a curve


@dataclass(frozen=True)
class LearningRates:
    """One point per batch: the rate and the smoothed loss.

    `suggestion` is None when the curve has no valley.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    suggestion: float | None


class _Stop(Callback):  # type: ignore[misc]
    order = 65

    def __init__(
        self, should_stop: Callable[[], bool], on_progress: Callable[[int, int], None], total: int
    ) -> None:
        super().__init__()
        self.should_stop, self.on_progress, self.total, self.stopped = should_stop, on_progress, total, False

    def after_batch(self) -> None:
        self.on_progress(min(self.train_iter, self.total), self.total)
        if self.should_stop():
            self.stopped = True
            raise CancelFitException


def find_learning_rate(
    images: Images,
    labels: np.ndarray,
    *,
    train_index: np.ndarray,
    class_names: Sequence[str],
    recipe: Recipe,
    start: StartFrom,
    seed: int,
    batches: int = 60,
    on_progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> LearningRates:
    """The loss over learning rates from 1e-6 to 1, on at most `batches` batches whatever the size of the set.

    Works on its own network, thrown away afterwards: no checkpoint and no run is touched. Arguments as for
    `train`.
    """
    with tempfile.TemporaryDirectory() as scratch:  # fastai parks the weights there
        built = build_learner(
            images,
            np.asarray(labels, np.int64),
            train_index=np.asarray(train_index, np.int64),
            valid_index=np.empty(0, np.int64),
            class_names=tuple(class_names),
            recipe=recipe,
            start=start,
            seed=seed,
            folder=Path(scratch),
        )
        learner = built.learner
        watch = _Stop(should_stop or (lambda: False), on_progress or (lambda *_: None), batches)
        learner.unfreeze()
        try:
            with learner.added_cbs([watch]):
                learner.lr_find(
                    start_lr=1e-6, end_lr=1.0, num_it=batches, show_plot=False, suggest_funcs=None
                )
        finally:
            built.close()
        if watch.stopped:
            raise Cancelled("The search for a learning rate was stopped.")
        recorder = learner.recorder
        rates = [float(rate) for rate in recorder.lrs]
        losses = [float(loss) for loss in recorder.losses]
    sound = [(rate, loss) for rate, loss in zip(rates, losses, strict=True) if np.isfinite(loss)]
    return LearningRates(
        tuple(r for r, _ in sound), tuple(loss for _, loss in sound), _suggest(sound, batches)
    )


def _suggest(points: list[tuple[float, float]], batches: int) -> float | None:
    middle = points[
        batches // 10 : -5
    ]  # what fastai looks at: the first are noise, the last are the explosion
    if len(middle) < _FEW:
        return None
    rate, _ = valley(*(torch.tensor(column) for column in zip(*middle, strict=True)), batches)
    return float(rate)
