"""Reduces a network's features while they are computed, so that they are never all in memory.

No torch here.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_SAMPLES = 4096  # images for the directions; more would change no neighbours


@dataclass(frozen=True)
class PrincipalComponents:
    """The principal components of features."""

    mean: NDArray[np.float32]  # (features,)
    directions: NDArray[np.float32]  # (features, dimensions)

    @classmethod
    def of(cls, features: NDArray[np.float32], *, dimensions: int) -> "PrincipalComponents":
        """The projection for these features (n, features)."""
        mean = features.mean(axis=0)
        centred = features - mean
        _, directions = np.linalg.eigh(centred.T @ centred)  # by how much they differ along it, ascending
        return cls(mean, np.ascontiguousarray(directions[:, -dimensions:]))

    def apply(self, features: NDArray[np.float32]) -> NDArray[np.float16]:
        """(n, features) to (n, dimensions), each of length 1."""
        short = (features - self.mean) @ self.directions
        unit: NDArray[np.float32] = short / np.maximum(np.linalg.norm(short, axis=1, keepdims=True), 1e-12)
        return unit.astype(np.float16)


class Embedder:
    """Collects the features of `n` images; an evenly spaced part of them determines the directions."""

    def __init__(self, n: int, dimensions: int) -> None:
        sample = np.arange(
            0, n, max(1, math.ceil(n / _SAMPLES))
        )  # images are stored by class, so the first ones would be of a single class
        self.order = np.concatenate([sample, np.setdiff1d(np.arange(n), sample)])
        self.vectors = np.zeros((n, dimensions), np.float16)  # of length 1, by row
        self.enough = len(sample)
        self.waiting: list[tuple[NDArray[np.int64], NDArray[np.float32]]] = []
        self.projection: PrincipalComponents | None = None

    def add(self, rows: NDArray[np.int64], features: NDArray[np.float32]) -> None:
        """The features (rows, features) of some rows; several threads may add at once."""
        if self.projection is None:
            self.waiting.append((rows, features))
        else:
            self.vectors[rows] = self.projection.apply(features)

    def settle(self) -> None:
        """Compute the directions as soon as enough features are there; call it while no thread adds."""
        if self.projection is not None or sum(len(rows) for rows, _ in self.waiting) < self.enough:
            return
        features = np.concatenate([features for _, features in self.waiting])
        self.projection = PrincipalComponents.of(features, dimensions=self.vectors.shape[1])
        for rows, features in self.waiting:
            self.vectors[rows] = self.projection.apply(features)
        self.waiting.clear()
