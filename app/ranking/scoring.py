"""Scores of how wrong a label looks. Pure functions on arrays.

`log_probs` is (n, classes) natural-log probabilities from log-softmax, `labels` (n,) class positions. The words are the
field's (Northcutt et al. 2021, "Confident learning"; Pleiss et al. 2020 for margins).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Scores:
    """Arrays of (n,), one value a sample."""

    loss: Floats
    self_confidence: Floats
    margin: Floats
    confidence: Floats
    predicted: Ints


def score(log_probs: Floats, labels: Ints) -> Scores:
    """Every score of every sample."""
    own = log_probs[np.arange(len(labels)), labels]
    predicted = log_probs.argmax(axis=1)
    best = log_probs[np.arange(len(labels)), predicted]
    return Scores(
        loss=-own,  # from the log-softmax itself: a rounded probability of 0 would lose the order of the worst
        self_confidence=np.exp(own),
        margin=normalized_margin(log_probs, labels),
        confidence=np.exp(best),
        predicted=predicted,
    )


def normalized_margin(log_probs: Floats, labels: Ints) -> Floats:
    """p(label) minus the largest p of another class, -1…1 (n,)."""
    rows = np.arange(len(labels))
    others = log_probs.copy()
    others[rows, labels] = -np.inf
    margin: Floats = np.exp(log_probs[rows, labels]) - np.exp(others.max(axis=1))
    return margin


def ranks(loss: Floats, keys: list[str]) -> Ints:
    """Rank of each sample (n,), 1 for the highest loss; ties are broken by `keys`, so that a rank is reproducible."""
    order = np.lexsort((np.asarray(keys), -loss))
    result = np.empty(len(loss), dtype=np.int64)
    result[order] = np.arange(1, len(loss) + 1)
    return result
