"""Which images may be copies of one another, by the features that a network sees in them. No torch here."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.errors import Cancelled

ALL = 200  # images of which every pair may be one: few say little about what differs between all
DIMENSIONS = 256  # of the whitened features; fewer for few images, whose other axes are chance
_PER_DIMENSION = 4  # images
NEIGHBOURS = 5  # of each image, the nearest ones
LEAST = 0.25  # cosine
_SAMPLES = 4096  # images that the axes are found by
REACH = 32_768  # images on either side of one that it is compared with, along the axis that differs most
_BLOCK = 2**22  # cosines at a time

Ints = NDArray[np.int64]


def likely_copies(
    features: NDArray[np.floating[Any]], *, threads: int = 1, should_stop: Callable[[], bool] | None = None
) -> Ints:
    """Pairs (m, 2) of rows, the first smaller, of images (n, features) that lie near, the nearest first.

    Of few images all pairs; of very many each is compared with 65,536, so that the time grows with their
    number and not with its square. The features are whitened: what differs much between all images says
    little about two of them. Raises Cancelled when `should_stop` returns True.
    """
    n = len(features)
    if n <= ALL:
        return np.stack(np.triu_indices(n, 1), axis=1).astype(np.int64)
    vectors = _whitened(features)
    order = np.argsort(vectors[:, -1], kind="stable")
    vectors = vectors[order]
    step = max(1, _BLOCK // min(n, 2 * REACH))

    def near(start: int) -> tuple[Ints, NDArray[np.float32]]:
        if should_stop is not None and should_stop():
            raise Cancelled("Looking at the images was stopped.")
        low = max(0, start - REACH)
        cosines = vectors[start : start + step] @ vectors[low : start + step + REACH].T
        cosines[np.arange(len(cosines)), np.arange(len(cosines)) + start - low] = -1  # the image itself
        rows, others = np.nonzero(cosines > LEAST)
        each = cosines[rows, others]
        best = _first_of_each(rows, each)
        return np.stack([order[rows[best] + start], order[others[best] + low]], axis=1), each[best]

    with ThreadPoolExecutor(threads, "alike") as pool:
        found, each = zip(*pool.map(near, range(0, n, step)), strict=True)
    pairs, every = np.sort(np.concatenate(found), axis=1), np.concatenate(each)
    pairs = pairs[np.argsort(-every, kind="stable")]
    _, first = np.unique(pairs, axis=0, return_index=True)
    result: Ints = pairs[np.sort(first)]
    return result


def _first_of_each(rows: NDArray[np.intp], cosines: NDArray[np.float32]) -> NDArray[np.intp]:
    """Where the largest cosines of each row are, of ascending rows (m,)."""
    order = np.lexsort((-cosines, rows))
    counts = np.bincount(rows)
    place = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)  # within its row
    return order[place < NEIGHBOURS]


def _whitened(features: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """(n, features) to (n, dimensions) of length 1."""
    n = len(features)
    part = np.asarray(features[:: -(-n // _SAMPLES)], np.float32)
    mean = part.mean(axis=0)
    spread, axes = np.linalg.eigh((part - mean).T @ (part - mean) / len(part))
    kept = slice(-min(DIMENSIONS, n // _PER_DIMENSION), None)
    scales = np.sqrt(np.maximum(spread[kept], 1e-6 * max(float(spread[-1]), 1e-6)))
    projection = (axes[:, kept] / scales).astype(np.float32)
    result = np.empty((n, projection.shape[1]), np.float32)
    for first in range(0, n, _SAMPLES):  # the features as float32 would be twice as much memory again
        some = (np.asarray(features[first : first + _SAMPLES], np.float32) - mean) @ projection
        lengths = np.linalg.norm(some, axis=1, keepdims=True)
        result[first : first + _SAMPLES] = some / np.maximum(lengths, 1e-12)
    return result
