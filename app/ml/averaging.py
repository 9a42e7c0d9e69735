"""A moving average of the weights, which judges better than the weights of any one moment."""

import copy

import torch
from fastai.callback.core import Callback
from torch import Tensor, nn


class AveragedWeights(Callback):  # type: ignore[misc]
    """Keeps the average up to date after every batch and lets it judge the validation part.

    Early on, when every batch still changes much, the average forgets faster: decay (1 + t) / (10 + t) until
    that reaches `decay` (as TensorFlow's ExponentialMovingAverage does). torch's AveragedModel would ask the
    device after every batch how many there were, and a GPU runs dry meanwhile.
    """

    order = -12  # after ParallelBatches (-15) has put its network in place
    run_valid = False

    def __init__(self, model: nn.Module, decay: float) -> None:
        super().__init__()
        self.decay, self.batches = decay, 0
        self.network = copy.deepcopy(model)  # with the averaged weights

    def resume(self, weights: dict[str, Tensor], batches: int) -> None:
        """Go on from averaged weights after so many batches."""
        self.network.load_state_dict(weights)
        self.batches = batches

    def before_fit(self) -> None:  # noqa: D102
        self.floats, self.counters = _pairs(self.network, self.model.model)
        if not self.batches:  # what the start was filled with since
            self._approach(1.0)
        self.learn.model.judge = self.network

    def after_step(self) -> None:  # noqa: D102
        self.batches += 1
        self._approach(1 - min(self.decay, (1 + self.batches) / (10 + self.batches)))

    @torch.no_grad()
    def _approach(self, share: float) -> None:
        torch._foreach_lerp_(*self.floats, share)
        torch._foreach_copy_(*self.counters)


def _pairs(
    averaged: nn.Module, present: nn.Module
) -> tuple[tuple[list[Tensor], list[Tensor]], tuple[list[Tensor], list[Tensor]]]:
    """The tensors of both networks that are averaged, and those that count the batches of a batch normalisation."""
    pairs = [
        (old.detach(), new.detach())
        for old, new in zip(
            (*averaged.parameters(), *averaged.buffers()),
            (*present.parameters(), *present.buffers()),
            strict=True,
        )
    ]
    floats = [pair for pair in pairs if pair[0].is_floating_point()]
    counters = [pair for pair in pairs if not pair[0].is_floating_point()]
    return ([old for old, _ in floats], [new for _, new in floats]), (
        [old for old, _ in counters],
        [new for _, new in counters],
    )
