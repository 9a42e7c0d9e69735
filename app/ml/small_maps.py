"""Convolutions over maps of a few pixels, as matrix products, for CPUs.

In the last stage of a ResNet images of 48 pixels are maps of 2 x 2, images of 32 pixels a single pixel. There
most of a 3 x 3 kernel covers padding: of the 36 products on a 2 x 2 map 20 are by zero, on one pixel 8 of 9,
and a convolution computes them all. Measured on one core with bfloat16, batches of 128, forward
and backward: 53 to 24 ms for 512 channels on 2 x 2, 20 to 3 ms on one pixel.
"""

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor, nn


class SmallMapConv2d(nn.Conv2d):
    """A Conv2d that multiplies by a matrix where the map has fewer pixels than its kernel.

    Weights and results are the same.
    """

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        if x.device.type != "cpu" or self.bias is not None or not self.unrolls(*x.shape[-2:]):
            return super().forward(x)
        if torch.is_autocast_enabled("cpu"):
            x = x.to(torch.get_autocast_dtype("cpu"))
        result: Tensor = _Unrolled.apply(x, self.weight, self.stride[0], int(self.padding[0]))
        return result

    def unrolls(self, height: int, width: int) -> bool:
        """Whether a map of this size is smaller than the kernel, and each output pixel sees all of it."""
        kernel = self.kernel_size[0]
        starts = [
            start
            for window in _windows(kernel, height, self.stride[0], int(self.padding[0]))
            for start in window
        ]
        return (
            height == width
            and height * width < kernel * kernel
            and all(0 <= start <= kernel - height for start in starts)
        )

    def out_size(self, size: int) -> int:
        """Height and width of the result for a square map."""
        return (size + 2 * int(self.padding[0]) - self.kernel_size[0]) // self.stride[0] + 1


def unroll_small_maps(model: nn.Module) -> None:
    """Replace suitable convolutions by `SmallMapConv2d`, in place; the state does not change."""
    for module in model.modules():
        if type(module) is nn.Conv2d and _is_plain(module):
            module.__class__ = SmallMapConv2d


def matrix_of(weight: Tensor, size: int, stride: int, padding: int) -> Tensor:
    """A convolution of square maps as a matrix (out pixels x out channels, in pixels x in channels).

    Pixels are row-major. `weight`: (out channels, in channels, kernel, kernel). Each output pixel depends on
    the whole map, through its part of the kernel.
    """
    kernel = weight.permute(0, 2, 3, 1)
    rows = [
        kernel[:, top : top + size, left : left + size].flatten(1)
        for top, left in _windows(weight.shape[-1], size, stride, padding)
    ]
    return torch.cat(rows)


def _is_plain(conv: nn.Conv2d) -> bool:
    """A padded square kernel larger than 1, nothing grouped or dilated."""
    square = len({*conv.kernel_size}) == len({*conv.stride}) == 1 and conv.kernel_size[0] > 1
    padded = not isinstance(conv.padding, str) and len({*conv.padding}) == 1 and conv.padding_mode == "zeros"
    return square and padded and conv.groups == 1 and conv.dilation == (1, 1)


def _windows(kernel: int, size: int, stride: int, padding: int) -> list[tuple[int, int]]:
    """For each output pixel the first row and column of the kernel that lie on the map."""
    starts = [padding - stride * i for i in range((size + 2 * padding - kernel) // stride + 1)]
    return [(top, left) for top in starts for left in starts]


class _Unrolled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
        n, channels, size, _ = x.shape
        matrix = matrix_of(weight.to(x.dtype), size, stride, padding)
        rows = x.permute(0, 2, 3, 1).reshape(n, -1)  # of channels_last: as it lies
        ctx.save_for_backward(rows, matrix)
        ctx.sizes = channels, size, weight.shape, weight.dtype, stride, padding
        out = (size + 2 * padding - weight.shape[-1]) // stride + 1
        return F.linear(rows, matrix).view(n, out, out, -1).permute(0, 3, 1, 2)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, None, None]:
        rows, matrix = ctx.saved_tensors
        channels, size, shape, dtype, stride, padding = ctx.sizes
        gradient = gradient.to(rows.dtype).permute(0, 2, 3, 1).reshape(len(rows), -1)
        below = (
            (gradient @ matrix).view(-1, size, size, channels).permute(0, 3, 1, 2)
            if ctx.needs_input_grad[0]
            else None
        )
        windows = _windows(shape[-1], size, stride, padding)
        parts = (gradient.t() @ rows).view(len(windows), shape[0], size, size, channels)
        total = torch.zeros(shape[0], *shape[2:], channels, dtype=dtype)
        for part, (top, left) in zip(parts, windows, strict=True):
            total[:, top : top + size, left : left + size] += part
        return below, total.permute(0, 3, 1, 2), None, None
