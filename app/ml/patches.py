"""A description of small images that needs no training: how often they show patches of each other.

After Coates and Ng (2011): patches of 6x6 pixels are drawn from the images themselves, their contrast is
evened out, their correlations are removed (whitened), and 160 of them become filters. The numbers of an image
say how much of each filter, and of its negative, there is in each quarter of it. Simple drawings and glyphs,
which look like nothing in ImageNet, are told apart better by these numbers than by a pretrained network's.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from numpy.typing import NDArray
from torch import Tensor

from app.ml.device import choose_device, send, thread_limit
from app.ml.files import write_whole
from app.ml.threads import Workers

SIDE = 24  # pixels of a side that images are read at; 16 and 32 rank as well, and time grows with its square
FILTERS = 160  # with both signs and four quarters 1,280 numbers, as many as the backbone's
_PATCH = 6  # pixels of a side of a filter
_DRAWN = 50_000  # that are drawn to learn how pixels depend on each other
_FAINT = 10.0  # grey values squared that are added to the variance: patches with less contrast stay faint
_DAMPED = 0.1  # added to the variance along each axis, so that noise is not blown up
_LEAST = 0.25  # a filter's answer below this counts as none
_EMPTY = 0.3  # times the median: shorter patches show nothing and become no filter
_PART = 64  # images that a thread computes at once

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Filters:
    """Filters as convolutions of the images' grey values or colours, the whitening in them."""

    kernels: Floats  # (filters, 1 or 3 channels, 6, 6); 1: all images are grey
    biases: Floats  # (filters,), subtracted from the answers

    @classmethod
    def of(cls, images: NDArray[np.uint8], *, seed: int = 0) -> "Filters":
        """Filters for images like these (n, side, side, 3), n at least 1."""
        random = np.random.default_rng(seed)
        grey = bool((images == images[..., :1]).all())
        windows = np.lib.stride_tricks.sliding_window_view(
            images[..., :1] if grey else images, (_PATCH, _PATCH), axis=(1, 2)
        )  # (n, places, places, channels, 6, 6), a view
        n, places = windows.shape[0], windows.shape[1]
        at = (random.integers(0, n, _DRAWN), *random.integers(0, places, (2, _DRAWN)))
        patches = windows[at].reshape(_DRAWN, -1).astype(np.float64)
        patches -= patches.mean(axis=1, keepdims=True)
        patches /= np.sqrt(patches.var(axis=1, keepdims=True) + _FAINT)
        mean = patches.mean(axis=0)
        spread, axes = np.linalg.eigh(np.cov(patches - mean, rowvar=False))
        whitening = (axes / np.sqrt(np.maximum(spread, 0) + _DAMPED)) @ axes.T
        white = (patches - mean) @ whitening
        lengths = np.linalg.norm(white, axis=1)
        shown = np.flatnonzero(lengths >= _EMPTY * np.median(lengths))
        chosen = random.choice(shown, FILTERS, replace=False)
        filters = white[chosen] / np.maximum(lengths[chosen, None], 1e-9)
        weights = whitening @ filters.T  # (values of a patch, filters)
        kernels = (weights - weights.mean(axis=0)).T.reshape(FILTERS, -1, _PATCH, _PATCH)
        return cls(kernels.astype(np.float32), (mean @ weights).astype(np.float32))

    @classmethod
    def read(cls, path: Path) -> "Filters | None":
        """Those in a file; None where there is none that can be read."""
        try:
            with path.open("rb") as file, np.load(file) as stored:
                found = cls(stored["kernels"], stored["biases"])
        except (OSError, ValueError, EOFError, KeyError, BadZipFile):
            return None
        return found if found.biases.shape == (FILTERS,) else None

    def write(self, path: Path) -> None:
        """Put them into a file, completely or not at all. Raises TrainingFailed when the disk is full."""

        def save(partial: Path) -> None:
            with partial.open("wb") as file:  # to a path np.savez would add a suffix
                np.savez(file, kernels=self.kernels, biases=self.biases)

        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, save)


class PatchEmbedder:
    """The numbers of images by these filters, in float32; on a CPU each thread computes images of its own."""

    def __init__(self, filters: Filters, *, threads: int | None = None) -> None:
        self.device = choose_device()
        self.threads = (threads or thread_limit()) if self.device.type == "cpu" else 1
        self.kernels = torch.from_numpy(filters.kernels).to(self.device)
        self.biases = torch.from_numpy(filters.biases).to(self.device).view(1, -1, 1, 1)

    def embed(self, batch: NDArray[np.uint8]) -> Floats:
        """uint8 images (n, side, side, 3) to numbers (n, 1280), float32."""
        if not len(batch):
            return np.empty((0, 8 * FILTERS), np.float32)
        parts = np.array_split(batch, math.ceil(len(batch) / _PART))
        with Workers(min(self.threads, len(parts))) as workers:
            return np.concatenate(workers.map(self._part, parts))

    def _part(self, images: NDArray[np.uint8]) -> Floats:
        with torch.inference_mode():
            raw = send(torch.from_numpy(np.ascontiguousarray(images)), self.device)
            x = raw.permute(0, 3, 1, 2).float()
            if self.kernels.shape[1] == 1:
                x = x.mean(dim=1, keepdim=True)
            variance = (_means(x * x) - _means(x) ** 2).clamp_min_(0)
            answers = F.conv2d(x, self.kernels).mul_((variance + _FAINT).rsqrt_()).sub_(self.biases)
            quarters = [F.adaptive_avg_pool2d(half, 2).flatten(1) for half in _halves(answers)]
            result: Floats = torch.cat(quarters, dim=1).cpu().numpy()
            return result


def _means(x: Tensor) -> Tensor:
    """The mean of every patch (n, 1, places, places)."""
    return F.avg_pool2d(x, _PATCH, 1).mean(dim=1, keepdim=True)


def _halves(answers: Tensor) -> Any:
    """How far the answers are above the least that counts, and how far their negatives are."""
    for sign in (1, -1):
        yield (sign * answers - _LEAST).clamp_min_(0)
