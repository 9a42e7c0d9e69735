"""Splits the batches of a training into parts, one per CPU thread, with parallel forward and backward passes.

The threads (`app.ml.threads`) synchronise twice per batch.
"""

import copy
from typing import Any, Self

import torch
from fastai.callback.core import Callback
from torch import nn

from app.ml.device import autocast, thread_limit
from app.ml.graphs import RecordedGraphs
from app.ml.threads import Workers

_FEWEST = (
    16  # images in a part: batch normalisation needs some, and the weights' share of the work must stay small
)


class Dropout(nn.Dropout):
    """Dropout with its own random generator, so that threads do not share the global one."""

    generator: torch.Generator | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # noqa: D102
        if self.generator is None or not self.training or not self.p:
            return super().forward(x)
        return x * torch.empty_like(x).bernoulli_(1 - self.p, generator=self.generator).div_(1 - self.p)


class SplitBatches(nn.Module):
    """Trains as `model` and predicts as `judge`, with parallel parts of a batch and in low precision.

    In training each part goes through a twin of the model that shares its weights but has gradients and batch
    statistics of its own; the gradients are added up in the model's. The first twin is the model itself, so
    the running statistics it keeps are those of the first parts. To its outside it has the model's state and
    nothing more.
    """

    def __init__(self, model: nn.Module, workers: Workers) -> None:
        super().__init__()
        self.model, self.judge, self.workers = model, model, workers
        self.twins = [model, *(_twin(model) for _ in range(workers.count - 1))]
        self.recorded = RecordedGraphs(model)
        self.handle = torch.zeros((), requires_grad=True)  # makes autograd ask for a backward pass; stays 0
        if workers.count > 1:
            for twin in self.twins:
                _set_generator(twin, torch.Generator())

    def train(self, mode: bool = True) -> Self:  # noqa: D102 - torch's signature
        for module in (*self.twins, self.judge):
            module.train(mode)
        self.training = mode
        return self

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, …) to (batch, classes), float32."""
        parts = x.tensor_split(min(self.workers.count, max(1, len(x) // _FEWEST)))
        if not torch.is_grad_enabled():
            return torch.cat(self.workers.map(_judge, [self.judge] * len(parts), parts))
        if len(self.twins) == 1:
            return self.recorded(x) if x.is_cuda else _compute(self.model, x)
        for twin, seed in zip(self.twins, torch.randint(2**62, (len(self.twins),)).tolist(), strict=True):
            _seed(twin, seed)
        result: torch.Tensor = _Parts.apply(self.handle, self, *parts)
        return result

    def state_dict(  # type: ignore[override]  # noqa: D102
        self, *args: Any, **options: Any
    ) -> dict[str, Any]:
        return self.model.state_dict(*args, **options)

    def load_state_dict(self, *args: Any, **options: Any) -> Any:  # noqa: D102
        return self.model.load_state_dict(*args, **options)

    def release(self) -> nn.Module:
        """The original model."""
        _set_generator(self.model, None)
        return self.model


class ParallelBatches(Callback):  # type: ignore[misc]
    """Makes a fit use `SplitBatches`, on a CPU with one part per usable thread."""

    order = -15  # before fastai's TrainEvalCallback (-10) looks at the model

    def __init__(self, batch_size: int, device: torch.device) -> None:
        super().__init__()
        self.count = max(1, min(thread_limit(), batch_size // _FEWEST)) if device.type == "cpu" else 1
        self.workers: Workers | None = None

    def before_fit(self) -> None:  # noqa: D102
        self.workers = Workers(self.count).__enter__()
        self.learn.model = SplitBatches(self.model, self.workers)

    def after_fit(self) -> None:
        """Call it also after an error in a fit, because fastai does not."""
        if self.workers is not None:
            self.learn.model = self.model.release()
            self.workers.__exit__()
            self.workers = None


class _Parts(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, _handle: torch.Tensor, whole: SplitBatches, *parts: torch.Tensor) -> torch.Tensor:
        ctx.whole = whole
        ctx.outputs = whole.workers.map(_compute, whole.twins, parts)
        return torch.cat([output.detach() for output in ctx.outputs])

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[None, ...]:
        pieces = gradients[0].tensor_split(len(ctx.outputs))
        ctx.whole.workers.map(torch.autograd.backward, ctx.outputs, pieces)
        own = list(ctx.whole.model.parameters())
        for twin in ctx.whole.twins[1 : len(pieces)]:
            pairs = [
                (p.grad, q.grad) for p, q in zip(own, twin.parameters(), strict=True) if q.grad is not None
            ]
            torch._foreach_add_([mine for mine, _ in pairs], [its for _, its in pairs])
            for parameter in twin.parameters():
                parameter.grad = None
        return (None,) * (2 + len(pieces))


def _compute(model: nn.Module, part: torch.Tensor) -> torch.Tensor:
    with torch.enable_grad(), autocast(part.device):  # both are per thread
        output: torch.Tensor = model(part).float()
    return output


def _judge(model: nn.Module, part: torch.Tensor) -> torch.Tensor:
    with torch.no_grad(), autocast(part.device):
        output: torch.Tensor = model(part).float()
    return output


def _twin(model: nn.Module) -> nn.Module:
    twin = copy.deepcopy(model)
    for mine, its in zip(twin.parameters(), model.parameters(), strict=True):
        mine.data = its.data
    return twin


def _set_generator(model: nn.Module, generator: torch.Generator | None) -> None:
    for module in model.modules():
        if isinstance(module, Dropout):
            module.generator = generator


def _seed(model: nn.Module, seed: int) -> None:
    for module in model.modules():
        if isinstance(module, Dropout) and module.generator is not None:
            module.generator.manual_seed(seed)
            return  # all of one model share it
