"""A moving average of the weights, which predicts better than the weights of a single step."""

import copy

import torch
from fastai.callback.core import Callback
from torch import Tensor, nn


class AveragedWeights(Callback):  # type: ignore[misc]
    """Updates the average after every batch and uses it to predict the validation part.

    At the beginning, when every batch changes much, the decay is smaller: (1 + t) / (10 + t), until that
    reaches `decay`, as in TensorFlow's ExponentialMovingAverage. torch's AveragedModel reads its counter from
    the device after every batch, which stalls a GPU.
    """

    order = -12  # after ParallelBatches (-15) has put its network in place
    run_valid = False

    def __init__(self, model: nn.Module, decay: float) -> None:
        super().__init__()
        self.decay, self.batches = decay, 0
        self.network = copy.deepcopy(model)  # with the averaged weights

    def resume(self, weights: dict[str, Tensor], batches: int) -> None:
        """Resume from averaged weights after so many batches."""
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
    """The tensors of both networks that are averaged, and the batch counters of batch normalisation."""
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
