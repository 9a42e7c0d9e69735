"""What follows from the learnt probabilities: how many wrong labels are still to come, and why.

Pure functions on arrays.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit

from app.ranking.learning import Model
from app.ranking.opinions import START, Evidence, Numbers
from app.ranking.scoring import Ints

_DRAWS = 400  # of the coefficients from their posterior
_ONE_BY_ONE = 2000  # up to so many samples, each is drawn wrong or right; above, the normal distribution does


@dataclass(frozen=True)
class Forecast:
    """How many labels of some samples are wrong: the expected number, and 80 % and 95 % ranges."""

    samples: int
    expected: float
    likely: tuple[int, int]  # 80 %
    range: tuple[int, int]  # 95 %


@dataclass(frozen=True)
class Contribution:
    """How much one kind of evidence moves the probabilities, as a share of all that moves them."""

    name: str  # such as "First look"
    share: float  # 0…1; all add up to 1
    spread: float  # standard deviation over the samples, in log-odds


def forecast(model: Model, evidence: Evidence, rows: Ints) -> Forecast:
    """The number of wrong labels among `rows` of the evidence, if people answer them as they have so far.

    The same input gives the same ranges.
    """
    rows = np.asarray(rows, np.int64)
    if not len(rows):
        return Forecast(0, 0.0, (0, 0), (0, 0))
    random = np.random.default_rng(0)
    expected = float(model.probabilities(evidence)[rows].sum())
    counts = np.array([_count(odds, random) for odds in _drawn_log_odds(model, evidence, rows, random)])
    low, likely_low, likely_high, high = np.clip(
        np.round(np.quantile(counts, (0.025, 0.1, 0.9, 0.975))), 0, len(rows)
    ).astype(int)
    return Forecast(len(rows), expected, (int(likely_low), int(likely_high)), (int(low), int(high)))


def contributions(model: Model, evidence: Evidence) -> tuple[Contribution, ...]:
    """Which kind of evidence moves the probabilities most on this data set, the strongest first."""
    moved = evidence.columns * model.coefficients[1:].astype(np.float32)
    by_group: dict[str, Any] = {START: np.array(evidence.start)}
    for i, group in enumerate(evidence.groups):
        by_group[group] = by_group.get(group, 0.0) + moved[:, i]
    by_group["Given class"] = by_group.get("Given class", 0.0) + model.of_class[evidence.labels]
    spreads = {name: float(np.std(values)) for name, values in by_group.items()}
    total = sum(spreads.values()) or 1.0
    found = [Contribution(name, spread / total, spread) for name, spread in spreads.items()]
    return tuple(sorted(found, key=lambda each: (-each.share, each.name)))


def _drawn_log_odds(
    model: Model, evidence: Evidence, rows: Ints, random: np.random.Generator
) -> Iterator[Numbers]:
    """Log-odds of the rows under coefficients from the posterior, one array (rows,) for each draw."""
    reduced = model.dense - (model.cross / model.diagonal) @ model.cross.T
    factor = np.linalg.cholesky((reduced + reduced.T) / 2)
    columns = evidence.columns[rows]
    start, labels = evidence.start[rows], evidence.labels[rows]
    for _ in range(_DRAWS):
        off = np.linalg.solve(factor.T, random.normal(size=len(factor)))
        of_class = model.of_class - (model.cross.T @ off) / model.diagonal
        of_class = of_class + random.normal(size=len(of_class)) / np.sqrt(model.diagonal)
        drawn = model.coefficients + off
        yield start + drawn[0] + columns @ drawn[1:].astype(np.float32) + of_class[labels]


def _count(odds: Numbers, random: np.random.Generator) -> float:
    p = expit(odds)
    if len(p) <= _ONE_BY_ONE:
        return float((random.random(len(p)) < p).sum())
    return float(p.sum() + random.normal() * np.sqrt((p * (1 - p)).sum()))
