"""Scores of how wrong a label looks. Pure functions on arrays.

`log_probs` has shape (n, classes): natural-log probabilities from log-softmax. `labels` has shape (n,): class
positions. The terms are those of Northcutt et al. 2021, "Confident learning", and of Pleiss et al. 2020 for
margins during the training.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Table = NDArray[np.floating[Any]]  # log-probabilities (n, classes), NaN where a sample has no prediction
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Scores:
    """Arrays of shape (n,), one value per sample."""

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
        loss=-own,  # from the log-softmax: probabilities rounded to 0 would lose their order
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
    """The normalized margin scaled to 0…1 (n,), low for a suspicious label; the same as cleanlab's."""
    quality: Floats = ((normalized_margin(log_probs, labels) + 1) / 2).astype(np.float32)
    return quality


def area_under_margin(epochs: Iterable[Table], labels: Ints) -> Floats:
    """AUM (Pleiss et al. 2020): mean over epochs of the label's logit minus the largest other logit (n,).

    `epochs` yields the log-probabilities of each epoch, NaN where a sample has no prediction; their
    differences equal the differences of the logits. The result is NaN for a sample without any prediction.
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
    """Logarithm of the mean probabilities of several tables (n, classes).

    NaN rows are left out; the result is NaN where a row is NaN in all tables. Raises ValueError for no
    tables.
    """
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
    """Weighted mean of the normalized margin over tables (n,); NaN rows are left out, NaN if all are NaN."""
    total, weights = np.zeros(len(labels)), np.zeros(len(labels))
    for log_probs, weight in tables:
        margin = normalized_margin(np.asarray(log_probs, np.float32), labels)
        there = ~np.isnan(margin)
        total[there] += weight * margin[there]
        weights += weight * there
    with np.errstate(invalid="ignore"):
        return (total / weights).astype(np.float32)


def disagreement(tables: Iterable[Table]) -> Floats:
    """Share of predictions for each sample that differ from the most frequent one (n,): the variation ratio.

    `tables` are the log-probabilities (n, classes) of several networks, or of one network during its
    training; NaN rows are left out. 0 where all agree, or where there is only one prediction; NaN where there
    is none. Raises ValueError for no tables.
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
        ratio: Floats = (1 - votes.max(axis=1) / votes.sum(axis=1)).astype(np.float32)
    return ratio


def class_noise(log_probs: Table, labels: Ints) -> Floats:
    """Estimated share of wrong labels among those of each class (classes,), 0…1; NaN rows are left out.

    From the off-diagonal entries of the confident joint. As in cleanlab, at least one sample of each class
    counts as correct.
    """
    joint = confident_joint(log_probs, labels)
    right = np.maximum(1, np.diag(joint))
    wrong = joint.sum(axis=1) - np.diag(joint)
    noise: Floats = (wrong / (wrong + right)).astype(np.float32)
    return noise


def confident_joint(log_probs: Table, labels: Ints) -> Ints:
    """How many samples with each label (rows) look like each class (columns); NaN rows are left out.

    Northcutt et al. 2021: among the classes whose probability is at least the mean over the samples with that
    label, a sample looks like the most probable one; without such a class it is not counted.
    """
    classes, there = log_probs.shape[1], ~np.isnan(log_probs[:, 0])
    probabilities, labels = np.exp(np.asarray(log_probs[there], np.float64)), labels[there]
    of_class = [probabilities[labels == k, k] for k in range(classes)]
    # The small margins keep rounding from excluding equal values, and a class with a mean of 0 from counting
    # every sample.
    thresholds = np.array([max(own.mean(), 2e-6) - 1e-6 if len(own) else np.inf for own in of_class])
    sure = probabilities >= thresholds
    counted = sure.any(axis=1)
    likely = np.where(sure, probabilities, -1).argmax(axis=1)
    pairs = labels[counted] * classes + likely[counted]
    joint: Ints = np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)
    return joint


def shift_to(log_odds: NDArray[np.float64], share: float) -> float:
    """What must be added to log-odds so that the mean probability is `share`."""
    low, high = -40.0, 40.0
    for _ in range(60):
        middle = (low + high) / 2
        if (1 / (1 + np.exp(-log_odds - middle))).mean() < share:
            low = middle
        else:
            high = middle
    return low


def ranks(suspicion: Floats, keys: list[str]) -> Ints:
    """Rank of each sample (n,), 1 for the most suspicious; `keys` break ties in a reproducible way."""
    # Not an array of the keys: each would take as much memory as the longest one.
    by_key = np.empty(len(keys), dtype=np.int64)
    by_key[sorted(range(len(keys)), key=keys.__getitem__)] = np.arange(len(keys))
    order = np.lexsort((by_key, -suspicion))
    result = np.empty(len(suspicion), dtype=np.int64)
    result[order] = np.arange(1, len(suspicion) + 1)
    return result


def _own_and_other(log_probs: Floats, labels: Ints) -> tuple[Floats, Floats]:
    """The log-probability of the label and the largest one of another class, each (n,)."""
    rows = np.arange(len(labels))
    others = np.array(log_probs)
    others[rows, labels] = -np.inf
    return log_probs[rows, labels], others.max(axis=1)
