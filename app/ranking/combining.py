"""One opinion from two about the same images, each with the weight that the given labels support.

    log p = a * log p1 + b * log p2 + constant      a, b >= 0

The two weights are those with the smallest loss out of fold, so an opinion that adds nothing gets none. Pure
functions on arrays.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from app.ranking.out_of_fold import LOWEST, MOST_PROBABILITIES, OutOfFold
from app.ranking.scoring import Floats, Ints

_SURE = 2.0  # standard errors that the gain must be above 0
_FLOOR = -20.0  # what is less probable than exp of this is all the same
_HIGHEST = 5.0  # weight


@dataclass(frozen=True)
class Combination:
    """The opinion of both, and whether it is better than that of the first alone."""

    opinion: OutOfFold
    weights: tuple[float, float]
    gain: float  # nats by which the mean loss is smaller than the first opinion's
    is_better: bool  # the gain is more than twice its standard error


def combine(
    first: OutOfFold, second: OutOfFold, labels: NDArray[np.integer], *, seed: int = 0
) -> Combination:
    """Both opinions about images with these labels (n,), -1 where there is none; their folds are the same."""
    rows = np.flatnonzero(first.judged)
    nothing = Combination(first, (1.0, 0.0), 0.0, is_better=False)
    if len(rows) < 2:  # noqa: PLR2004 - one image has no standard error
        return nothing
    most = max(2, MOST_PROBABILITIES // first.log_probs.shape[1])
    rows = np.random.default_rng(seed).permutation(rows)[:most]
    given = np.asarray(labels, np.int64)[rows]
    parts = np.stack([np.maximum(each.log_probs[rows], _FLOOR) for each in (first, second)]).astype(
        np.float64
    )
    own = parts[:, np.arange(len(rows)), given]

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        log_probs = _mixed(parts, weights)
        expected = (np.exp(log_probs) * parts).sum(axis=2)
        return -float(log_probs[np.arange(len(rows)), given].mean()), (expected - own).mean(axis=1)

    found = minimize(loss, np.array([0.5, 0.5]), jac=True, bounds=[(0.0, _HIGHEST)] * 2)
    after = _mixed(parts, found.x)[np.arange(len(rows)), given]
    gains = after - own[0]
    gain, error = float(gains.mean()), float(gains.std() / np.sqrt(len(gains)))
    both = np.stack([np.maximum(each.log_probs, _FLOOR) for each in (first, second)])
    log_probs = np.maximum(_mixed(both, found.x.astype(np.float32)), LOWEST)
    opinion = replace(first, log_probs=log_probs, loss=float(found.fun))
    return Combination(opinion, (float(found.x[0]), float(found.x[1])), gain, is_better=gain > _SURE * error)


def _mixed(parts: NDArray[np.floating], weights: NDArray[np.floating]) -> Floats:
    """Log-probabilities (rows, classes) of both parts (2, rows, classes)."""
    scores = weights[0] * parts[0] + weights[1] * parts[1]
    scores -= scores.max(axis=1, keepdims=True)
    result: Floats = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return result


def sample_of(labels: NDArray[np.integer], most: int, *, seed: int = 0) -> Ints:
    """At most so many rows that have a label, drawn at random, in ascending order."""
    there = np.flatnonzero(labels >= 0)
    result: Ints = np.sort(np.random.default_rng(seed).permutation(there)[:most])
    return result
