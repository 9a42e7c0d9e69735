"""Records the forward and backward pass once and replays it, for GPUs (CUDA graphs).

A small network on small images has a thousand kernels of a few microseconds each: Python needs longer to
launch a kernel than the GPU to compute it. A recorded pass is launched as a whole. Measured on an H200,
ResNet34 on 48 pixels, batches of 128: Python needed 16 ms per batch for kernels of 4 ms; an epoch of 14,024
images, with validation and checkpoint, went from 1.9 to 0.9 s.
"""

import logging
from typing import Any

import torch
from torch import Tensor, nn

from app.ml.device import low_precision

log = logging.getLogger(__name__)

_WARM_UP = 3  # passes before one is recorded, in which libraries choose how to compute


class RecordedGraphs:
    """Trains as `model` does in the GPU's low precision; each shape of batch is recorded when it first comes.

    The set of frozen parameters must not change. Passes that cannot be recorded are computed kernel by
    kernel.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.known: dict[torch.Size, _Pass | None] = {}
        self.handle = torch.zeros((), requires_grad=True)  # makes autograd ask for a backward pass; stays 0
        self.pool: Any = None  # of memory, one for all: batches do not overlap

    def __call__(self, x: Tensor) -> Tensor:
        """(batch, …) to (batch, classes), float32."""
        if x.shape not in self.known:
            self.known[x.shape] = self._record(x)
        known = self.known[x.shape]
        if known is None:
            return _compute(self.model, x)
        result: Tensor = _Replay.apply(self.handle, known, x)
        return result

    def _record(self, x: Tensor) -> "_Pass | None":
        before = [buffer.clone() for buffer in self.model.buffers()]
        try:
            with torch.random.fork_rng([x.device] if x.is_cuda else []):
                self.pool = self.pool or torch.cuda.graph_pool_handle()
                return _Pass(self.model, x, self.pool)
        except RuntimeError:
            log.warning("A training step cannot be recorded; it is computed kernel by kernel.", exc_info=True)
            return None
        finally:
            for buffer, value in zip(self.model.buffers(), before, strict=True):
                buffer.copy_(value)  # the statistics of batch normalisation: recording is no training


class _Pass:
    """The recorded pass of batches of one shape, with the memory it reads and writes."""

    def __init__(self, model: nn.Module, x: Tensor, pool: Any) -> None:
        self.forward, self.backward = torch.cuda.CUDAGraph(), torch.cuda.CUDAGraph()
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.x = x.clone()
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(_WARM_UP):
                y = _compute(model, self.x)
                torch.autograd.grad(y, self.parameters, torch.zeros_like(y))
        torch.cuda.current_stream().wait_stream(side)
        del y
        # other threads may use the GPU at the same time, such as for predicting photos
        with torch.cuda.graph(self.forward, pool=pool, capture_error_mode="thread_local"):
            y = _compute(model, self.x)
        self.gradient = torch.zeros_like(y)
        with torch.cuda.graph(self.backward, pool=pool, capture_error_mode="thread_local"):
            gradients = torch.autograd.grad(y, self.parameters, self.gradient)
            self.gradients = [_laid_out_as(*pair) for pair in zip(self.parameters, gradients, strict=True)]
        self.y = y.detach()


def _laid_out_as(parameter: Tensor, gradient: Tensor) -> Tensor:
    """The gradient in the parameter's memory layout, which the optimiser's fused step relies on."""
    return (
        gradient if gradient.stride() == parameter.stride() else torch.empty_like(parameter).copy_(gradient)
    )


class _Replay(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, _handle: Tensor, recorded: _Pass, x: Tensor) -> Tensor:
        ctx.recorded = recorded
        recorded.x.copy_(x)
        recorded.forward.replay()
        return recorded.y.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, None, None]:
        recorded: _Pass = ctx.recorded
        recorded.gradient.copy_(gradients[0])
        recorded.backward.replay()
        for parameter, gradient in zip(recorded.parameters, recorded.gradients, strict=True):
            parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient
        return None, None, None


def _compute(model: nn.Module, x: Tensor) -> Tensor:
    dtype = low_precision(x.device)
    with torch.autocast(x.device.type, dtype=dtype, enabled=dtype is not None, cache_enabled=False):
        output: Tensor = model(x).float()
    return output
