"""The work around each batch and epoch of a training: seeds, reports, stops and checkpoints."""

import dataclasses
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import torch
from fastai.callback.core import Callback, CancelFitException
from torch import nn

from app.ml import checkpoints
from app.ml.checkpoints import Checkpoint, EpochMetrics
from app.ml.dynamics import Dynamics, Targets, read_epochs
from app.ml.errors import TrainingFailed, TrainingStopped
from app.ml.learner import Built
from app.ml.recipes import Phase

_REPORT_EVERY = 0.2  # seconds


@dataclass(frozen=True)
class TrainingProgress:
    """The progress of a training. Numbers count from 1; `epoch` and `epochs` over all phases."""

    phase: int
    phases: int
    epoch: int
    epochs: int
    batch: int
    batches: int
    fraction: float  # finished share of the work, 0 to 1; epochs with fewer pixels count less
    loss: float | None  # smoothed training loss; None before the first batch
    history: tuple[EpochMetrics, ...]  # the finished epochs
    notes: tuple[str, ...]


class Watch(Callback):  # type: ignore[misc]
    """One callback for a whole training, passed to the fit of each phase.

    fastai changes exceptions of callbacks, so an error is stored here, the fit is cancelled, and the error is
    raised afterwards.
    """

    order = 65  # after the Recorder (50), before SkipToEpoch (70)

    def __init__(
        self,
        built: Built,
        folder: Path,
        checkpoint: Checkpoint,
        phases: tuple[Phase, ...],
        dynamics: Dynamics,
        report: Callable[[TrainingProgress], None],
        should_stop: Callable[[], bool],
    ) -> None:
        super().__init__()
        self.built, self.folder, self.checkpoint, self.phases = built, folder, checkpoint, phases
        self.dynamics, self.report, self.should_stop = dynamics, report, should_stop
        self.problem: Exception | None = None
        self.number, self.skip, self.reported, self.started = 1, 0, 0.0, 0.0
        self.loss_sum, self.seen = torch.zeros(()), 0

    def begin(self, number: int, skip: int) -> None:
        """Phase `number`, of which `skip` epochs are done."""
        self.number, self.skip = number, skip

    @property
    def past(self) -> int:
        """Epochs of the phases before the current one."""
        return sum(phase.epochs for phase in self.phases[: self.number - 1])

    def before_epoch(self) -> None:  # noqa: D102
        # Dropout and mixup use torch's generator, order and augmentation the loader's. Both are seeded for
        # each
        # epoch, so that an epoch after a restart equals an uninterrupted one.
        epoch = self.past + int(self.epoch)
        torch.manual_seed(self.checkpoint.seed * 10_007 + epoch)
        self.dls.train.epoch = epoch
        self.dls.train.targets = self._targets(epoch)
        for loader in self.dls.loaders:
            loader.size = self._size(epoch)
        self.started = time.monotonic()
        self.loss_sum, self.seen = torch.zeros((), device=self.dls.device), 0

    def after_batch(self) -> None:  # noqa: D102
        if self.training:
            size = len(self.learn.yb[0])
            self.loss_sum += (
                self.learn.loss.detach() * size
            )  # stays on the device: asking it would wait for it
            self.seen += size
        if self.should_stop():
            done = len(self.checkpoint.history)
            self._cancel(TrainingStopped(f"The training was stopped after {done} finished epochs."))
        if self.training and time.monotonic() - self.reported >= _REPORT_EVERY:
            self._report(self.iter + 1)

    def after_epoch(self) -> None:  # noqa: D102
        if self.epoch < self.skip:
            return
        _, valid_loss, error_rate = self.recorder.values[-1]
        train_loss = (
            float(self.loss_sum) / self.seen
        )  # fastai's is smoothed over epochs, which a restart would change
        if not (
            math.isfinite(train_loss) and math.isfinite(valid_loss or 0) and _is_finite(self.model.judge)
        ):
            self._cancel(TrainingFailed("The loss is no longer a number. Train with a lower learning rate."))
        done = self.checkpoint
        number = self.past + int(self.epoch) + 1
        metrics = EpochMetrics(
            self.number, number, train_loss, valid_loss, error_rate, time.monotonic() - self.started
        )
        history = (*done.history, metrics)
        impatient = self._is_impatient(history)
        phase_epochs = self.phases[self.number - 1].epochs
        finished = self.number == len(self.phases) and (impatient or self.epoch + 1 == phase_epochs)
        checkpoint = dataclasses.replace(
            done,
            history=history,
            phase=self.number,
            phase_epoch=phase_epochs if impatient else self.epoch + 1,
            finished=finished,
            best_epoch=_best_epoch(history) if done.recipe.keep == "best" else None,
        )
        judged_by = checkpoint.best_epoch if finished and checkpoint.best_epoch else number
        checkpoint = dataclasses.replace(checkpoint, size=self._size(judged_by - 1))
        try:
            self.dynamics.write(number)
            self._save(checkpoint)
        except Exception as error:  # noqa: BLE001 - raised again after the fit
            self._cancel(error)
        self._report(len(self.dls.train))
        if impatient:
            raise CancelFitException

    def _save(self, checkpoint: Checkpoint) -> None:
        network, averaged = self.model.model, self.built.averaged
        judge, trained = (network, None) if averaged is None else (averaged.network, network)
        optimiser = None if checkpoint.finished else self.opt.opt
        self.checkpoint = checkpoints.save(
            self.folder, checkpoint, judge, trained=trained, optimiser=optimiser
        )

    def _targets(self, epoch: int) -> Targets | None:
        """The targets of an epoch, counted from 0 over all phases; None: the labels.

        What the network said in its first quarter, or of its smaller images, does not count.
        """
        recipe = self.checkpoint.recipe
        if not recipe.self_adaptive or recipe.mixup:  # mixtures have no predictions to go by
            return None
        ignored = max(self.built.early_epochs, sum(phase.epochs for phase in self.phases) // 4)
        tables = list(read_epochs(self.folder, epoch, first=ignored + 1))
        if not tables:
            return None
        return Targets(self.dls.train.labels, tables, recipe.self_adaptive, recipe.label_smoothing)

    def _is_impatient(self, history: tuple[EpochMetrics, ...]) -> bool:
        """Whether the validation loss has not been lower for the recipe's patience."""
        patience = self.checkpoint.recipe.patience
        losses = [e.valid_loss for e in history if e.phase == self.number and e.valid_loss is not None]
        return 0 < patience < len(losses) and min(losses[:-patience]) <= min(losses[-patience:])

    def _size(self, epoch: int) -> int:
        """Pixels of the images in an epoch, counted from 0 over all phases."""
        recipe = self.checkpoint.recipe
        return recipe.early_size if epoch < self.built.early_epochs else recipe.image_size

    def _report(self, batch: int) -> None:
        self.reported = time.monotonic()
        loss = float(self.recorder.smooth_loss.value)
        now, epochs = self.past + int(self.epoch), sum(phase.epochs for phase in self.phases)
        work = [self._size(epoch) ** 2 for epoch in range(epochs)]
        fraction = (sum(work[:now]) + work[now] * batch / max(1, len(self.dls.train))) / sum(work)
        progress = TrainingProgress(
            phase=self.number,
            phases=len(self.phases),
            epoch=now + 1,
            epochs=epochs,
            batch=batch,
            batches=len(self.dls.train),
            fraction=min(1.0, fraction),
            loss=loss,
            history=self.checkpoint.history,
            notes=self.checkpoint.notes,
        )
        try:
            self.report(progress)
        except Exception as error:  # noqa: BLE001 - raised again after the fit
            self._cancel(error)

    def _cancel(self, problem: Exception) -> NoReturn:
        self.problem = problem
        raise CancelFitException


def _is_finite(network: nn.Module) -> bool:
    """Whether all weights are finite; a batch's loss does not show the effect of the step after it."""
    return all(bool(torch.isfinite(parameter).all()) for parameter in network.parameters())


def _best_epoch(history: tuple[EpochMetrics, ...]) -> int | None:
    """The epoch of the lowest validation loss; None without a validation part."""
    return min(((e.valid_loss, e.epoch) for e in history if e.valid_loss is not None), default=(None, None))[
        1
    ]
