"""What the other images say of a label: a linear opinion out of fold, from features of a ready network.

Ridge regression on the given labels, in folds: the weights that judge an image never saw its label, nor that
of an image with the same content. In closed form, so that tens of thousands of images take seconds. Pure
functions on arrays, without torch.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.optimize import minimize_scalar

from app.ranking.scoring import Floats, Ints

FOLDS = 10
STRENGTHS = tuple(float(strength) for strength in np.geomspace(0.01, 100, 9))  # times the number of images
MOST_PROBABILITIES = (
    2_000_000  # probabilities from which strength and temperature are chosen; more choose the same
)
_LEAST = 1e-6  # probability of a class that the opinion cannot know
LOWEST = np.float32(np.log(1e-30))


@dataclass(frozen=True)
class OutOfFold:
    """Log-probabilities (n, classes) of each class for each image, and how they came about."""

    log_probs: Floats
    judged: NDArray[np.bool_]  # (n,) whether the label's class was known to the weights that judged the image
    folds: Ints  # (n,) the fold of each image
    strength: float  # of the regularisation, times the number of images; a high one trusts the features less
    temperature: float  # what the scores are multiplied with before the softmax
    loss: float  # mean -log p(label), nats; log(classes) for one that knows nothing


@dataclass(frozen=True)
class _Fold:
    """The solution for all strengths: the weights are `axes @ (heights / (lengths + strength))`."""

    rows: Ints
    taught: NDArray[np.bool_]  # (classes,), which have a label outside this fold
    prior: Floats  # (classes,), share of each class outside
    lengths: Floats  # (axes,)
    axes: Floats  # (features, axes)
    heights: Floats  # (axes, classes)

    def scores(self, features: Floats, strength: float) -> Floats:
        """The scores (rows, classes) of features (rows, features); -inf for a class that was not taught."""
        weights = self.axes @ (self.heights / (self.lengths + strength)[:, None])
        result: Floats = (features @ weights + self.prior).astype(np.float32)
        if self.taught.any():  # else all are equally probable
            result[:, ~self.taught] = -np.inf
        return result


def judge(
    features: NDArray[np.floating[Any]],
    labels: NDArray[np.integer[Any]],
    classes: int,
    *,
    seed: int = 0,
    groups: NDArray[np.integer[Any]] | None = None,
) -> OutOfFold:
    """The opinion about each image (n, features) with its label (n,), -1 where there is none.

    Images without a label are judged, but nothing is learnt from them. Images of the same group (n,) are in
    the same fold; left out, each is a group of its own. Strength and temperature are those with the smallest
    loss out of fold. The result has no NaN, also where there is little to learn from: then it is close to how
    often each class occurs.
    """
    n = len(labels)
    given: Ints = labels.astype(np.int64)
    folds = _assign(np.arange(n) if groups is None else groups, seed)
    known = np.flatnonzero(given >= 0)
    if not len(known):
        even = np.full((n, classes), -np.log(classes), np.float32)
        return OutOfFold(even, np.zeros(n, bool), folds, STRENGTHS[-1], 1.0, float(np.log(classes)))
    x = _rotated(_standardised(features))
    solved = _solve(x, given, classes, folds)
    sample = np.random.default_rng(seed).permutation(known)[: max(1, MOST_PROBABILITIES // classes)]
    strength, temperature, loss = _choose(solved, x, given, sample, len(known))
    log_probs = np.empty((n, classes), np.float32)
    judged = np.zeros(n, bool)
    for fold in solved:
        scores = fold.scores(x[fold.rows], strength * len(known))
        log_probs[fold.rows] = _log_softmax(scores, temperature)
        judged[fold.rows] = (given[fold.rows] >= 0) & fold.taught[given[fold.rows]]
    return OutOfFold(log_probs, judged, folds, strength, temperature, loss)


def _assign(groups: NDArray[np.integer[Any]], seed: int) -> Ints:
    """A fold for each image, whole groups together."""
    _, group = np.unique(groups, return_inverse=True)
    count = int(group.max()) + 1 if len(group) else 0
    fold_of = np.random.default_rng(seed).permutation(count) % min(FOLDS, max(1, count))
    result: Ints = fold_of[group].astype(np.int64)
    return result


def _standardised(features: NDArray[np.floating[Any]]) -> Floats:
    """A copy with mean 0 and standard deviation 1; a feature without differences becomes 0."""
    x = np.array(features, np.float32)
    x[~np.isfinite(x)] = 0
    x -= x.mean(axis=0, dtype=np.float64).astype(np.float32)
    spread = np.sqrt(np.einsum("ij,ij->j", x, x, dtype=np.float64) / max(1, len(x)))
    x *= np.where(spread > 1e-6, 1 / np.maximum(spread, 1e-6), 0).astype(np.float32)  # noqa: PLR2004
    return x


def _rotated(x: Floats) -> Floats:
    """The same images in as few axes as there are images: ridge regression depends on their angles alone."""
    n, features = x.shape
    if n >= features:
        return x
    lengths, axes = eigh((x @ x.T).astype(np.float64))
    result: Floats = (axes * np.sqrt(np.maximum(lengths, 0))).astype(np.float32)
    return result


def _solve(x: Floats, labels: Ints, classes: int, folds: Ints) -> list[_Fold]:
    known = labels >= 0
    one_hot = np.zeros((len(x), classes), np.float32)
    one_hot[np.flatnonzero(known), labels[known]] = 1
    x_known = x if known.all() else x[known]
    gram, products = x_known.T @ x_known, x_known.T @ one_hot[known]
    del x_known
    total, counts = x[known].sum(axis=0, dtype=np.float64), one_hot.sum(axis=0)
    result = []
    for number in range(int(folds.max()) + 1):
        rows = np.flatnonzero(folds == number)
        own = rows[known[rows]]
        mine, theirs = x[own], one_hot[own]
        left = counts - theirs.sum(axis=0)
        prior = left / left.sum() if left.sum() else np.full(classes, 1 / classes)
        outside = total - mine.sum(axis=0, dtype=np.float64)
        lengths, axes = eigh(gram - mine.T @ mine, overwrite_a=True, check_finite=False, driver="evd")
        heights = axes.T @ (products - mine.T @ theirs - np.outer(outside, prior))
        result.append(
            _Fold(
                rows,
                left > 0,
                prior.astype(np.float32),
                np.maximum(lengths, 0).astype(np.float32),
                axes.astype(np.float32),
                heights.astype(np.float32),
            )
        )
    return result


def _choose(
    solved: list[_Fold], x: Floats, labels: Ints, sample: Ints, count: int
) -> tuple[float, float, float]:
    """Strength, temperature and loss with the smallest loss on these rows; of equal ones the stronger."""
    chosen = np.zeros(len(labels), bool)
    chosen[sample] = True
    parts = [(fold, fold.rows[chosen[fold.rows]]) for fold in solved]
    parts = [(fold, rows[fold.taught[labels[rows]]]) for fold, rows in parts]  # the others cannot be known
    given = labels[np.concatenate([rows for _, rows in parts])]
    best = (STRENGTHS[-1], 1.0, float(np.log(len(solved[0].taught))))
    if not len(given):
        return best
    for strength in reversed(STRENGTHS):
        scores = np.concatenate([fold.scores(x[rows], strength * count) for fold, rows in parts])
        temperature, loss = _fit_temperature(scores, given)
        if loss < best[2] - 1e-9:
            best = (strength, temperature, loss)
    return best


def _fit_temperature(scores: Floats, labels: Ints) -> tuple[float, float]:
    rows = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        own = _log_softmax(scores, float(np.exp(log_temperature)))[rows, labels]
        return -float(own.mean(dtype=np.float64))

    found = minimize_scalar(loss, bounds=(-2.0, 6.0), method="bounded", options={"xatol": 0.02})
    return float(np.exp(found.x)), float(found.fun)


def _log_softmax(scores: Floats, temperature: float) -> Floats:
    """Log-probabilities of scores (rows, classes); a class with -inf gets next to nothing."""
    known = np.isfinite(scores)
    logits = np.where(known, scores, 0) * np.float32(temperature)
    logits -= np.max(logits, axis=1, keepdims=True, where=known, initial=-np.inf)
    odds = np.where(known, np.exp(np.minimum(logits, 0)), 0)
    log_probs = logits - np.log(odds.sum(axis=1, keepdims=True))
    missing = (~known).sum(axis=1, keepdims=True) * _LEAST
    result: Floats = np.where(known, log_probs + np.log1p(-missing), np.log(_LEAST)).astype(np.float32)
    return np.maximum(result, LOWEST)
