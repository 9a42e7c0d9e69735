"""A fastai learner around a plain ResNet34 and the array of images."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import fastai.callback.schedule  # noqa: F401 - gives learners fit_one_cycle and lr_find
import numpy as np
import torch
from fastai.callback.core import Callback
from fastai.callback.fp16 import MixedPrecision
from fastai.callback.mixup import MixUp
from fastai.callback.progress import ProgressCallback
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.metrics import error_rate
from fastai.optimizer import OptimWrapper
from fastai.vision.learner import create_vision_model, vision_learner
from torchvision.models import resnet34
from torchvision.models.resnet import BasicBlock

from app.ml.batches import BatchLoader, Normalisation, measure_normalisation
from app.ml.device import choose_device, low_precision, thread_limit
from app.ml.recipes import Recipe, StartFrom, weights_by_position
from app.ml.threads import ThreadTuner
from app.ml.weights import load_start

_DROPOUT = 0.5  # any number but 0, for which fastai would leave the layers out; the recipe's is set afterwards


@dataclass(frozen=True)
class Built:
    """A learner, how its inputs are normalised, whether its body knows anything, and a sentence about its start."""

    learner: Learner
    normalisation: Normalisation
    body_has_weights: bool
    note: str


class LowPrecision(Callback):  # type: ignore[misc]
    """bfloat16 for the forward pass, on any device; loss and weights stay float32, so that no loss scaler is needed.

    fastai's own MixedPrecision is for CUDA only.
    """

    order = 20  # after everything that touches the inputs

    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        super().__init__()
        self.make = partial(torch.autocast, device.type, dtype=dtype)
        self.entered: Any = None

    def before_batch(self) -> None:  # noqa: D102
        self.entered = self.make()
        self.entered.__enter__()

    def after_pred(self) -> None:  # noqa: D102
        self.leave()
        self.learn.pred = self.pred.float()

    def leave(self) -> None:
        """Also to be called after an error in the forward pass, or autocast would stay on in this thread."""
        if self.entered is not None:
            self.entered.__exit__(None, None, None)
            self.entered = None


def build_learner(
    images: np.ndarray,
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
    """Put `vision_learner` over `images` (n, size, size, 3) uint8 and `labels` (n,) class positions.

    The network has one output per name in `class_names`, whichever labels are present.
    """
    device = choose_device()
    torch.manual_seed(seed)
    dls = DataLoaders(path=folder)
    learner = vision_learner(
        dls,
        resnet34,
        pretrained=False,  # the weights are loaded below, from wherever they come
        normalize=False,  # the loader does
        n_out=len(class_names),
        ps=_DROPOUT,
        path=folder,
        wd=recipe.weight_decay,
        loss_func=_loss(recipe, class_names),
        opt_func=_optimiser(device),
        metrics=error_rate,
    )
    _calm(learner.model, recipe.dropout)
    stored, note = load_start(learner.model, start, class_names)
    normalisation = stored or measure_normalisation(images, train_index)
    loader = partial(BatchLoader, images, labels, batch_size=recipe.batch_size, device=device, normalisation=normalisation)
    dls.loaders[:] = [loader(train_index, recipe=recipe, seed=seed), loader(valid_index)]
    dls.device = device
    learner.model.to(device, memory_format=torch.channels_last)  # before the optimiser looks at the parameters
    learner.remove_cbs(ProgressCallback)
    learner.logger = lambda *_: None
    if device.type == "cpu" and thread_limit() > 1:
        learner.add_cb(ThreadTuner())
    if recipe.mixup:
        learner.add_cb(MixUp(recipe.mixup))
    for callback in _precision(device):
        learner.add_cb(callback)
    return Built(learner, normalisation, start.kind != "none", note)


def build_model(classes: int) -> torch.nn.Module:
    """The same network without a learner, for predictions; its weights mean nothing until they are loaded."""
    model: torch.nn.Module = create_vision_model(resnet34, classes, pretrained=False, ps=_DROPOUT)
    return model


def _calm(model: torch.nn.Module, dropout: float) -> None:
    """Let a new network begin as a nearly linear one that prefers no class; what is loaded afterwards overrides it.

    Blocks that add nothing at first are torchvision's `zero_init_residual`, and a last layer of zeros makes the first
    loss log(classes) instead of fastai's 2.5 and more. Measured on 600 drawn faces in 6 epochs: 80 % errors before.
    """
    for module in model.modules():
        if isinstance(module, BasicBlock):
            torch.nn.init.zeros_(module.bn2.weight)
    torch.nn.init.zeros_(model[-1][-1].weight)  # type: ignore[index]
    first, second = (module for module in model.modules() if isinstance(module, torch.nn.Dropout))
    first.p, second.p = dropout / 2, dropout  # as fastai's head does


def _loss(recipe: Recipe, class_names: tuple[str, ...]) -> CrossEntropyLossFlat:
    weights = weights_by_position(recipe, class_names)
    return CrossEntropyLossFlat(weight=None if weights is None else torch.tensor(weights), label_smoothing=recipe.label_smoothing)


def _optimiser(device: torch.device) -> Callable[..., OptimWrapper]:
    # torch's fused AdamW: fastai's Adam, parameter by parameter, costs as much as half a batch on a CPU (0.14 to 0.25
    # against 0.03 s). Betas and epsilon are fastai's, which suit one-cycle trainings of few steps.
    fused = device.type in ("cpu", "cuda")
    return partial(OptimWrapper, opt=partial(torch.optim.AdamW, fused=fused, betas=(0.95, 0.99), eps=1e-5))


def _precision(device: torch.device) -> tuple[Callback, ...]:
    dtype = low_precision(device)
    if dtype is None:
        return ()
    return (MixedPrecision(),) if dtype == torch.float16 else (LowPrecision(device, dtype),)
