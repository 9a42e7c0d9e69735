"""The networks under fastai's head: torchvision's ResNet34, with one of two stems, and EfficientNet-Lite0."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, cast

import torch
from fastai.vision.learner import create_vision_model, model_meta
from torch import Tensor, nn
from torchvision.models import resnet34
from torchvision.models.resnet import BasicBlock

from app.ml.backbone import lite0
from app.ml.parallel import Dropout
from app.ml.recipes import LITE, RESNET34, Network, Stem

DROPOUT = 0.5  # any number but 0, for which fastai would leave the layers out; the recipe's comes afterwards


def build_model(classes: int, stem: Stem = "plain", network: Network = RESNET34) -> nn.Module:
    """A network without a learner; its weights mean nothing until they are loaded."""
    arch, cut = (lite0, cut_lite0) if network == LITE else (resnet34, None)
    model = cast("nn.Module", create_vision_model(arch, classes, pretrained=False, cut=cut, ps=DROPOUT))
    if network == RESNET34:
        set_stem(model, stem)
    return model


class Lite0Body(nn.Sequential):
    """The body of timm's EfficientNet-Lite0: its stem, seven stages and last convolution.

    On a CPU it trains in float32 whatever autocast says: its depthwise convolutions have a slow backward pass
    in bfloat16. Measured on one core at 96 pixels: 27 instead of 21 images per second.
    """

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        with nullcontext() if x.device.type != "cpu" else torch.autocast("cpu", enabled=False):
            x = x.to(next(self.parameters()).dtype)
            return cast("Tensor", super().forward(x))  # type: ignore[no-untyped-call]


def cut_lite0(network: Any) -> Lite0Body:
    """The body of a network of `backbone.lite0`."""
    return Lite0Body(network.conv_stem, network.bn1, *network.blocks, network.conv_head, network.bn2)


def layer_groups(network: Network) -> Callable[[nn.Module], Any]:
    """What splits a model into the groups between which the learning rates rise: early, late, head."""
    if network == LITE:
        return _lite0_groups
    return cast("Callable[[nn.Module], Any]", model_meta[resnet34]["split"])


def _lite0_groups(model: nn.Module) -> list[list[nn.Parameter]]:
    body, head = cast("tuple[nn.Sequential, nn.Sequential]", tuple(model.children()))
    return [list(part.parameters()) for part in (body[:6], body[6:], head)]


def set_stem(model: nn.Module, stem: Stem) -> None:
    """Replace torchvision's stem, one 7x7 convolution of stride 2, by the wanted one.

    The deep stem is that of ResNet-D (He et al. 2019) with its first convolution at full resolution: an image
    of 48 pixels has few to spare. Measured on 48-pixel faces in equal epochs: four points fewer errors for 5
    % more time.
    """
    if stem == "deep":
        body = cast("nn.Sequential", cast("nn.Sequential", model)[0])
        wide = cast("nn.Conv2d", body[0]).out_channels
        half = wide // 2
        body[0] = nn.Sequential(*_layer(3, half, 1), *_layer(half, half, 2), _layer(half, wide, 1)[0])


def stem_of(model: nn.Module) -> Stem:
    """Which stem a network has."""
    return (
        "deep"
        if isinstance(cast("nn.Sequential", cast("nn.Sequential", model)[0])[0], nn.Sequential)
        else "plain"
    )


def set_dropout(model: nn.Module, dropout: float) -> None:
    """The head's second dropout; the first is half of it, as in fastai."""
    head = cast("nn.Sequential", cast("nn.Sequential", model)[1])
    places = [place for place, module in enumerate(head) if isinstance(module, nn.Dropout)]
    for place, p in zip(places, (dropout / 2, dropout), strict=True):
        head[place] = Dropout(p)


def zero_init(model: nn.Module) -> None:
    """Make a new network nearly linear, with no preferred class; weights loaded later override this.

    Blocks that add nothing at first are torchvision's `zero_init_residual`, and a last layer of zeros makes
    the first loss log(classes) instead of fastai's 2.5 and more. Measured on 600 drawn faces in 6 epochs: 80
    % errors before.
    """
    for module in model.modules():
        if isinstance(module, BasicBlock):
            nn.init.zeros_(module.bn2.weight)
    last = cast("nn.Sequential", cast("nn.Sequential", model)[1])[-1]
    nn.init.zeros_(cast("nn.Linear", last).weight)


def _layer(inputs: int, outputs: int, stride: int) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")  # as torchvision does
    return convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
