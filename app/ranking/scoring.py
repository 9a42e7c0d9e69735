"""Scores of how wrong a label looks. Pure functions on arrays.

`log_probs` is (n, classes) natural-log probabilities from log-softmax, `labels` (n,) class positions. The
words are the field's (Northcutt et al. 2021, "Confident learning"; Pleiss et al. 2020 for margins along the
training).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Table = NDArray[np.floating[Any]]  # log-probabilities (n, classes), NaN where a sample was not looked at
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
    own, other = _own_and_other(log_probs, labels)
    margin: Floats = np.exp(own) - np.exp(other)
    return margin


def label_quality(log_probs: Floats, labels: Ints) -> Floats:
    """The normalized margin brought to 0…1 (n,), low for a suspicious label; cleanlab's score of that name."""
    quality: Floats = ((normalized_margin(log_probs, labels) + 1) / 2).astype(np.float32)
    return quality


def area_under_margin(epochs: Iterable[Table], labels: Ints) -> Floats:
    """Mean along the training of the logit of the label minus the largest other logit (n,); AUM of Pleiss et al. 2020.

    `epochs` yields the log-probabilities of each epoch, NaN where a sample was not looked at; their differences are
    those of the logits. NaN for a sample that never was.
    """
    total, seen = np.zeros(len(labels)), np.zeros(len(labels))
    for log_probs in epochs:
        own, other = _own_and_other(np.asarray(log_probs, np.float32), labels)
        there = ~np.isnan(own)
        total[there] += (own - other)[there]
        seen += there
    with np.errstate(invalid="ignore"):
        return (total / seen).astype(np.float32)


def mean_log_probs(tables: Iterable[Table]) -> Floats:
    """Logarithm of the probabilities averaged over several tables (n, classes), NaN rows left out; NaN where all are."""
    total: NDArray[np.float64] | None = None
    seen: NDArray[np.int64] | None = None
    for log_probs in tables:
        there = ~np.isnan(log_probs[:, 0])
        if total is None or seen is None:
            total, seen = np.zeros(log_probs.shape), np.zeros(len(log_probs), np.int64)
        total[there] += np.exp(np.asarray(log_probs[there], np.float64))
        seen += there
    if total is None or seen is None:
        raise ValueError("there is nothing to average")
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.log(total / seen[:, None]).astype(np.float32)


def mean_margin(tables: Iterable[tuple[Table, float]], labels: Ints) -> Floats:
    """Normalized margin averaged over tables by their weights (n,); NaN rows are left out, NaN where all are."""
    total, weights = np.zeros(len(labels)), np.zeros(len(labels))
    for log_probs, weight in tables:
        margin = normalized_margin(np.asarray(log_probs, np.float32), labels)
        there = ~np.isnan(margin)
        total[there] += weight * margin[there]
        weights += weight * there
    with np.errstate(invalid="ignore"):
        return (total / weights).astype(np.float32)


def disagreement(tables: Iterable[Table]) -> Floats:
    """Share of several words about each sample that are not the most frequent one (n,), 0…1: Freeman's variation ratio.

    `tables` are the log-probabilities (n, classes) of several networks, or of one along its training; NaN rows are left
    out. 0 where they are of one mind, or there is only one; NaN where there is none.
    """
    votes: NDArray[np.int64] | None = None
    for log_probs in tables:
        if votes is None:
            votes = np.zeros(log_probs.shape, np.int64)
        there = np.flatnonzero(~np.isnan(log_probs[:, 0]))
        votes[there, log_probs[there].argmax(axis=1)] += 1
    if votes is None:
        raise ValueError("there is nothing to compare")
    with np.errstate(invalid="ignore"):
        torn: Floats = (1 - votes.max(axis=1) / votes.sum(axis=1)).astype(np.float32)
    return torn


def class_noise(log_probs: Table, labels: Ints) -> Floats:
    """Estimated share of wrong labels among those of each class (classes,), 0…1; NaN rows are left out.

    Off the diagonal of the confident joint (Northcutt et al. 2021): a sample counts as the likeliest of the
    classes whose probability is at least as large as the mean over the samples with that label. As in
    cleanlab, at least one of each class counts as right.
    """
    classes, there = log_probs.shape[1], ~np.isnan(log_probs[:, 0])
    probabilities, labels = np.exp(np.asarray(log_probs[there], np.float64)), labels[there]
    of_class = [probabilities[labels == k, k] for k in range(classes)]
    # Rounding must not keep equals out, nor a class that is never believed let everybody in.
    bars = np.array([max(own.mean(), 2e-6) - 1e-6 if len(own) else np.inf for own in of_class])
    sure = probabilities >= bars
    counted = sure.any(axis=1)
    likely = np.where(sure, probabilities, -1).argmax(axis=1)
    right = np.maximum(1, np.bincount(labels[counted & (likely == labels)], minlength=classes))
    wrong = np.bincount(labels[counted & (likely != labels)], minlength=classes)
    noise: Floats = (wrong / (wrong + right)).astype(np.float32)
    return noise


def ranks(suspicion: Floats, keys: list[str]) -> Ints:
    """Rank of each sample (n,), 1 for the most suspicious; ties are broken by `keys`, so that a rank is reproducible."""
    by_key = np.empty(
        len(keys), dtype=np.int64
    )  # not an array of the keys: all would be as wide as the longest
    by_key[sorted(range(len(keys)), key=keys.__getitem__)] = np.arange(len(keys))
    order = np.lexsort((by_key, -suspicion))
    result = np.empty(len(suspicion), dtype=np.int64)
    result[order] = np.arange(1, len(suspicion) + 1)
    return result


def _own_and_other(log_probs: Floats, labels: Ints) -> tuple[Floats, Floats]:
    """Of the label, and the largest of another class."""
    rows = np.arange(len(labels))
    others = np.array(log_probs)
    others[rows, labels] = -np.inf
    return log_probs[rows, labels], others.max(axis=1)
