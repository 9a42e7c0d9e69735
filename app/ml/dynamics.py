"""Training dynamics: a network's predictions for every image in every epoch, recorded during the training.

A network that trains on wrong labels learns the right ones first and memorises the wrong ones later, so what
it said along the way tells more than what it says in the end (Pleiss et al. 2020; Swayamdipta et al. 2020).
An image of the training part is judged just before it is learnt from, augmented as it is then; one of the
hold-out after the epoch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from fastai.callback.core import Callback
from numpy.typing import NDArray

from app.ml.files import write_whole


class Dynamics(Callback):  # type: ignore[misc]
    """Collects the predictions of an epoch; `Watch` writes them before the epoch's checkpoint."""

    order = 60  # after the Recorder (50), before Watch (65)

    def __init__(self, folder: Path, images: int, classes: int) -> None:
        super().__init__()
        self.folder, self.images, self.classes = folder, images, classes
        self.rows: list[NDArray[np.int64]] = []
        self.log_probs: list[torch.Tensor] = []

    def before_epoch(self) -> None:  # noqa: D102
        self.rows, self.log_probs = [], []

    def after_pred(self) -> None:  # noqa: D102
        if self.training and hasattr(self.learn, "mix_up"):
            return  # predictions for a mixture of two images say little about either
        self.rows.append(self.dl.rows)
        self.log_probs.append(
            torch.log_softmax(self.pred.detach().float(), dim=1).half()
        )  # stays on the device

    def write(self, epoch: int) -> None:
        """Store the current epoch as number `epoch`, from 1. Raises TrainingFailed when the disk is full."""
        if not self.rows:  # only mixtures and no hold-out
            return
        table = np.full((self.images, self.classes), np.nan, np.float16)
        table[np.concatenate(self.rows)] = torch.cat(self.log_probs).cpu().numpy()
        write_epoch(self.folder, epoch, table)


def write_epoch(folder: Path, epoch: int, log_probs: NDArray[np.float16]) -> None:
    """Store the predictions of `epoch` (from 1): natural log-probabilities (images, classes), NaN: none."""

    def save(path: Path) -> None:
        with path.open("wb") as file:  # to a path np.save would add a suffix
            np.save(file, log_probs)

    write_whole(_path(folder, epoch), save)


def read_epochs(folder: Path, epochs: int, *, first: int = 1) -> Iterator[NDArray[np.float16]]:
    """The predictions from epoch `first` to `epochs`, mapped from disk: (images, classes), NaN: none."""
    for epoch in range(first, epochs + 1):
        if _path(folder, epoch).exists():
            yield np.load(_path(folder, epoch), mmap_mode="r")


def _path(folder: Path, epoch: int) -> Path:
    return folder / f"epoch-{epoch:04d}.npy"


@dataclass(frozen=True)
class Targets:
    """What a network is to say of its images: their labels, moved towards what it said of them itself.

    This is self-adaptive training (Huang et al. 2020): a network learns less and less from a label that it
    doubts in every epoch. The targets follow from stored predictions, so a resumed training has the same.
    They are computed batch by batch from all tables, which takes no memory, and little time unless there are
    many hundred classes.
    """

    labels: NDArray[np.int64]  # (images,) class positions
    tables: Sequence[NDArray[np.float16]]  # `read_epochs` of the epochs that count, in their order
    share: float  # of a target that each epoch replaces
    smoothing: float  # share of a label that is spread over all classes

    def of(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """The targets (m, classes) of these images; each sums to 1."""
        classes = self.tables[0].shape[1]
        targets = np.full((len(rows), classes), self.smoothing / classes, np.float32)
        targets[np.arange(len(rows)), self.labels[rows]] += 1 - self.smoothing
        for table in self.tables:
            said = np.exp(table[rows].astype(np.float32))
            there = ~np.isnan(said[:, 0])
            said[there] /= said[there].sum(axis=1, keepdims=True)  # float16 rounds
            targets[there] += self.share * (said[there] - targets[there])
        return targets
