"""The nearest samples of a sample. Pure functions on arrays."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.ranking.scoring import Floats, Ints

_BLOCK = 8192  # vectors made wider at once: all of a large data set would not fit into the processor's cache


def nearest(
    vectors: NDArray[np.floating[Any]], row: int, *, k: int, among: NDArray[np.bool_] | None = None
) -> tuple[Ints, Floats]:
    """At most `k` rows nearest to `row` by cosine, the nearest first, and their similarities, -1…1.

    `vectors`: (n, dimensions) of length 1; `among`: (n,) which rows count, all if left out. The row itself
    never does. Of equally near ones the earlier row comes first.
    """
    similarity = _similarity(vectors, row)
    counts = np.ones(len(vectors), np.bool_) if among is None else among.copy()
    counts[row] = False
    rows = np.flatnonzero(counts)
    if 0 < k < len(rows):
        bar = np.partition(similarity[rows], len(rows) - k)[len(rows) - k]
        rows = rows[similarity[rows] >= bar]
    found = rows[np.argsort(-similarity[rows], kind="stable")][:k]
    return found, similarity[found]


def _similarity(vectors: NDArray[np.floating[Any]], row: int) -> Floats:
    own = vectors[row].astype(np.float32)
    result = np.empty(len(vectors), np.float32)
    for first in range(0, len(vectors), _BLOCK):
        block = vectors[first : first + _BLOCK].astype(np.float32)
        np.matmul(block, own, out=result[first : first + _BLOCK])
    return result
