"""Significance of the difference between two networks, and calibration of a network's confidence.

Pure functions on arrays.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

DRAWS = 2000
LEVEL = 0.05  # significance level


@dataclass(frozen=True)
class Difference:
    """Error rate of the new predictions minus that of the old ones on the same `n` samples.

    Below 0 the new predictions are better.
    """

    value: float
    low: float  # 95 % interval of the paired bootstrap
    high: float
    repaired: int  # wrong before, right now
    broken: int  # right before, wrong now
    p: float  # McNemar's exact test, two-sided
    n: int

    @property
    def beyond_chance(self) -> bool:
        """Whether the difference is statistically significant."""
        return self.p < LEVEL


@dataclass(frozen=True)
class ClassChange:
    """A class before and after; a recall is None if no sample has the label."""

    name: str
    support: int
    old_recall: float | None
    new_recall: float | None
    repaired: int
    broken: int


@dataclass(frozen=True)
class Bin:
    """Predictions whose confidence is between two bounds; the means are None if there are none."""

    low: float
    high: float
    n: int
    confidence: float | None  # mean
    right: float | None  # share


@dataclass(frozen=True)
class Reliability:
    """The difference between confidence and accuracy, per bin (Guo et al. 2017)."""

    error: float  # expected calibration error, 0…1
    n: int
    bins: tuple[Bin, ...]


def mcnemar(repaired: int, broken: int) -> float:
    """Two-sided p of McNemar's exact test (McNemar 1947), from the samples that only one network got right.

    Twice the lower tail of a binomial with p = 1/2, summed as logarithms, so that tiny terms do not become 0.
    """
    n, fewer = repaired + broken, min(repaired, broken)
    if 2 * fewer >= n - 1:  # the tail is at least half of the distribution
        return 1.0
    i = np.arange(1, fewer + 1)
    terms = np.concatenate(([0.0], np.cumsum(np.log(n - i + 1) - np.log(i)))) - n * np.log(
        2
    )  # log of C(n, i) / 2^n
    top = terms.max()
    return float(min(1.0, 2 * np.exp(top) * np.exp(terms - top).sum()))


def paired_difference(
    old_wrong: Bools, new_wrong: Bools, *, seed: int = 0, draws: int = DRAWS
) -> Difference | None:
    """The difference of two error rates on the same (n,) samples, with interval and test; None for n = 0.

    A bootstrap draws n samples with replacement. The difference depends only on how many of them are repaired
    and broken, and these counts follow a multinomial distribution: 2,000 draws take the same time for any n.
    """
    n = len(old_wrong)
    if n == 0:
        return None
    repaired, broken = int((old_wrong & ~new_wrong).sum()), int((new_wrong & ~old_wrong).sum())
    drawn = np.random.default_rng(seed).multinomial(
        n, [repaired / n, broken / n, (n - repaired - broken) / n], size=draws
    )
    low, high = np.quantile((drawn[:, 1] - drawn[:, 0]) / n, [0.025, 0.975])
    return Difference(
        (broken - repaired) / n, float(low), float(high), repaired, broken, mcnemar(repaired, broken), n
    )


def class_changes(labels: Ints, old: Ints, new: Ints, names: list[str]) -> tuple[ClassChange, ...]:
    """Each class's recall before and after, from (n,) labels and predictions, by class position."""
    was, now, classes = old == labels, new == labels, len(names)

    def counted(which: Bools) -> Ints:
        return np.bincount(labels[which], minlength=classes)

    support = np.bincount(labels, minlength=classes)
    rows = zip(
        names, support, counted(was), counted(now), counted(now & ~was), counted(was & ~now), strict=True
    )
    return tuple(
        ClassChange(
            name,
            int(n),
            int(before) / int(n) if n else None,
            int(after) / int(n) if n else None,
            int(repaired),
            int(broken),
        )
        for name, n, before, after, repaired, broken in rows
    )


def reliability(confidence: NDArray[np.floating], right: Bools, *, bins: int = 15) -> Reliability | None:
    """The calibration table from (n,) confidences, 0…1, and correctness; None without predictions."""
    n = len(right)
    if n == 0:
        return None
    confidence = np.asarray(confidence, np.float64)
    place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    counts = np.bincount(place, minlength=bins)
    sure, true = np.bincount(place, confidence, bins), np.bincount(place, right, bins)
    rows = tuple(
        Bin(
            i / bins,
            (i + 1) / bins,
            int(k),
            float(sure[i] / k) if k else None,
            float(true[i] / k) if k else None,
        )
        for i, k in enumerate(counts)
    )
    return Reliability(float(np.abs(sure - true).sum() / n), n, rows)
