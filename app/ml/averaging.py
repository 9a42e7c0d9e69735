"""A moving average of the weights, which judges better than the weights of any one moment."""

from collections.abc import Sequence

import torch
from fastai.callback.core import Callback
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


class AveragedWeights(Callback):  # type: ignore[misc]
    """Keeps the average up to date after every batch and lets it judge the validation part.

    Early on, when every batch still changes much, the average forgets faster: decay (1 + t) / (10 + t) until that
    reaches `decay` (as TensorFlow's ExponentialMovingAverage does).
    """

    order = -12  # after ParallelBatches (-15) has put its network in place
    run_valid = False

    def __init__(self, model: nn.Module, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.averaged = AveragedModel(model, multi_avg_fn=self._approach, use_buffers=True)

    @property
    def network(self) -> nn.Module:
        """The network with the averaged weights."""
        return self.averaged.module

    def resume(self, weights: dict[str, Tensor], batches: int) -> None:
        """Go on from averaged weights after so many batches."""
        self.network.load_state_dict(weights)
        self.averaged.n_averaged.fill_(batches + 1)

    def before_fit(self) -> None:  # noqa: D102
        if not self.averaged.n_averaged:
            self.averaged.update_parameters(self.model.model)  # what the start was filled with since
        self.learn.model.judge = self.network

    def after_step(self) -> None:  # noqa: D102
        self.averaged.update_parameters(self.model.model)

    @torch.no_grad()
    def _approach(self, averaged: Sequence[Tensor], present: Sequence[Tensor], steps: Tensor | int) -> None:
        decay = min(self.decay, (1 + float(steps)) / (10 + float(steps)))
        if averaged[0].is_floating_point():
            torch._foreach_lerp_(list(averaged), list(present), 1 - decay)
        else:
            for old, new in zip(averaged, present, strict=True):  # counters of batch normalisation
                old.copy_(new)
