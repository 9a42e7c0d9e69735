from types import SimpleNamespace

import pytest
import torch
from fastai.learner import AvgSmoothLoss
from torch import nn
from torch.optim.swa_utils import AveragedModel

from app.ml.averaging import AveragedWeights
from app.ml.learner import _SmoothLoss


def step(network: nn.Sequential) -> None:
    """A training step's worth of change, statistics and counters included."""
    network(torch.randn(8, 3))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter))


def test_the_average_is_the_one_that_torch_would_make():
    torch.manual_seed(1)
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))

    def approach(averaged, present, steps):
        share = 1 - min(0.6, (1 + float(steps)) / (10 + float(steps)))
        for old, new in zip(averaged, present, strict=True):
            old.lerp_(new, share) if old.is_floating_point() else old.copy_(new)

    ours, theirs = (
        AveragedWeights(network, 0.6),
        AveragedModel(network, multi_avg_fn=approach, use_buffers=True),
    )
    ours.learn = SimpleNamespace(model=SimpleNamespace(model=network))
    step(network)  # the start is filled after the average is made
    ours.before_fit()
    theirs.update_parameters(network)
    for _ in range(12):
        step(network)
        ours.after_step()
        theirs.update_parameters(network)
    for name, value in theirs.module.state_dict().items():
        torch.testing.assert_close(ours.network.state_dict()[name], value)
    assert ours.network[1].num_batches_tracked == network[1].num_batches_tracked == 13


def test_the_smooth_loss_is_fastais():
    ours, theirs = _SmoothLoss(), AvgSmoothLoss()
    for loss in (2.0, 1.0, 4.0):
        for each in (ours, theirs):
            each.accumulate(SimpleNamespace(loss=torch.tensor(loss)))
    assert float(ours.value) == pytest.approx(float(theirs.value), rel=1e-5)
