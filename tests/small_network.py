"""ResNet34 with a quarter of the channels: the same 34 layers, a sixteenth of the weights (5 MB, not 85)."""

from typing import Any

import pytest
from fastai.vision.learner import model_meta
from torch import nn
from torchvision.models import resnet34
from torchvision.models.resnet import BasicBlock, ResNet

NARROWER = 4


class SmallResNet34(ResNet):
    """Torchvision's own class, with fewer channels in every layer."""

    def __init__(self) -> None:
        super().__init__(BasicBlock, [3, 4, 6, 3])
        width = 64 // NARROWER
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)

    def _make_layer(self, block: type[BasicBlock], planes: int, *arguments: Any, **named: Any) -> nn.Module:
        if planes == 64:
            self.inplanes = planes // NARROWER
        return super()._make_layer(block, planes // NARROWER, *arguments, **named)


def small_resnet34(*_: Any, **__: Any) -> SmallResNet34:
    """In the place of torchvision's function."""
    return SmallResNet34()


model_meta[small_resnet34] = model_meta[resnet34]  # where fastai cuts the head off and splits the layers


def use_small_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process build small networks until the test ends."""
    monkeypatch.setattr("app.ml.network.resnet34", small_resnet34)
