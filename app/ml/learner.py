"""A fastai learner around a plain ResNet34 and the array of images."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import fastai.callback.schedule  # noqa: F401 - gives learners fit_one_cycle and lr_find
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from fastai.callback.fp16 import MixedPrecision
from fastai.callback.mixup import MixUp
from fastai.callback.progress import ProgressCallback
from fastai.data.core import DataLoaders
from fastai.learner import AvgSmoothLoss, Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.metrics import error_rate
from fastai.optimizer import OptimWrapper

from app.ml.averaging import AveragedWeights
from app.ml.batches import Normalisation, measure_normalisation
from app.ml.device import choose_device, low_precision
from app.ml.images import Images
from app.ml.loader import BatchLoader
from app.ml.network import build_model, layer_groups, set_dropout, stem_of, zero_init
from app.ml.parallel import ParallelBatches
from app.ml.recipes import Recipe, StartFrom, Stem, early_epochs_of, weights_by_position
from app.ml.small_maps import unroll_small_maps
from app.ml.weights import load_start


@dataclass(frozen=True)
class Built:
    """A learner, its normalisation, whether its body has trained weights, and a sentence about its start."""

    learner: Learner
    normalisation: Normalisation
    body_has_weights: bool
    averaged: AveragedWeights | None  # the averaged network that predicts, if there is one
    stem: Stem
    note: str
    early_epochs: int  # that see images of the recipe's first size

    def close(self) -> None:
        """Release resources after a fit that raised; after a normal end it does nothing."""
        for callback in self.learner.cbs:
            if isinstance(callback, ParallelBatches):
                callback.after_fit()


def build_learner(
    images: Images,
    labels: np.ndarray,
    *,
    train_index: np.ndarray,
    valid_index: np.ndarray,
    class_names: tuple[str, ...],
    recipe: Recipe,
    start: StartFrom,
    seed: int,
    folder: Path,
) -> Built:
    """Put a fastai learner over `images` (n, size, size, 3) uint8 and `labels` (n,) class positions.

    The network has one output per name in `class_names`, whichever labels are present.
    """
    device = choose_device()
    train_index = (
        np.repeat(train_index, 2) if len(train_index) == 1 else train_index
    )  # batch normalisation needs two
    torch.manual_seed(seed)
    dls = DataLoaders(path=folder)
    stem: Stem = recipe.stem if start.kind == "none" else "plain"
    learner = Learner(
        dls,
        build_model(len(class_names), stem, recipe.network),
        splitter=layer_groups(recipe.network),
        path=folder,
        wd=recipe.weight_decay,
        loss_func=_loss(
            recipe, class_names, np.bincount(labels[train_index], minlength=len(class_names)).tolist()
        ),
        opt_func=_optimiser(device),
        metrics=error_rate,
    )
    unroll_small_maps(learner.model)
    set_dropout(learner.model, recipe.dropout)
    zero_init(learner.model)
    stored, note = load_start(learner.model, start, class_names, recipe.network)
    normalisation = stored or measure_normalisation(images, train_index)
    loader = partial(
        BatchLoader, images, labels, batch_size=recipe.batch_size, device=device, normalisation=normalisation
    )
    dls.loaders[:] = [loader(train_index, recipe=recipe, seed=seed), loader(valid_index)]
    dls.device = device
    learner.model.to(
        device, memory_format=torch.channels_last
    )  # before the optimiser looks at the parameters
    learner.remove_cbs(ProgressCallback)
    learner.logger = lambda *_: None
    learner.recorder.smooth_loss = _SmoothLoss()
    learner.add_cb(ParallelBatches(recipe.batch_size, device))
    if recipe.mixup:
        learner.add_cb(MixUp(recipe.mixup))
    if low_precision(device) == torch.float16:
        learner.add_cb(MixedPrecision())  # scales the loss, which bfloat16 does not need
    averaged = AveragedWeights(learner.model, recipe.averaging) if recipe.averaging else None
    if averaged is not None:
        learner.add_cb(averaged)
    return Built(
        learner,
        normalisation,
        start.kind != "none",
        averaged,
        stem_of(learner.model),
        note,
        early_epochs_of(recipe, start.kind),
    )


class _SmoothLoss(AvgSmoothLoss):  # type: ignore[misc]
    """fastai's, but kept on the device: only reading its value waits for the device, not every batch."""

    def accumulate(self, learn: Learner) -> None:
        self.count += 1
        self.val: torch.Tensor = (1 - self.beta) * learn.loss.detach() + self.beta * self.val


class _Loss(CrossEntropyLossFlat):  # type: ignore[misc]
    """fastai's for label positions, and cross entropy for targets (batch, classes).

    The surer a target is, by its largest share, the more it counts (Huang et al. 2020).
    """

    def __call__(self, said: torch.Tensor, wanted: torch.Tensor, **options: object) -> torch.Tensor:
        if wanted.ndim == 1:
            result: torch.Tensor = super().__call__(said, wanted, **options)
            return result
        sure = wanted.amax(dim=1, keepdim=True)
        wanted, weight = wanted * sure, self.func.weight
        # torch divides by the number of images here, by the sum of their weights for positions
        whole = (wanted if weight is None else wanted * weight).sum() / len(wanted)
        return F.cross_entropy(said, wanted, weight=weight) / whole


def _loss(recipe: Recipe, class_names: tuple[str, ...], counts: list[int]) -> CrossEntropyLossFlat:
    weights = weights_by_position(recipe, class_names, counts)
    return _Loss(
        weight=None if weights is None else torch.tensor(weights), label_smoothing=recipe.label_smoothing
    )


def _optimiser(device: torch.device) -> Callable[..., OptimWrapper]:
    # torch's fused AdamW: fastai's Adam, parameter by parameter, costs as much as half a batch on a CPU (0.14
    # to 0.25
    # against 0.03 s). Betas and epsilon are fastai's, which suit one-cycle trainings of few steps.
    fused = device.type in ("cpu", "cuda")
    return partial(OptimWrapper, opt=partial(torch.optim.AdamW, fused=fused, betas=(0.95, 0.99), eps=1e-5))
