"""Opinions about labels, and the evidence that a model of wrong labels learns from. Pure functions on arrays.

An opinion is what one predictor says of every sample: the first look, a network along its training and in its
end, the parent run, a user's own model. Log-probabilities have shape (n, classes); a row of NaN says nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logsumexp

from app.ranking.scoring import Ints, Table, confident_joint, shift_to

Numbers = NDArray[np.float64]
Rows = NDArray[np.bool_]
Kind = Literal["first look", "along the training", "network", "parent", "own model"]

START = "Start order"  # the groups of the columns that come from it
PLACES = "Place in the start order"

_LOWEST = -14.0  # a log-probability below it says nothing more, and half floats end near it
_ENOUGH = 30  # samples that a part needs to be brought to the scale of the other part
_SHRUNK = 20  # samples of a class that its noise must outweigh: fewer say little beyond the whole
_KNOTS = 8  # places along the start order where its correction may differ
_FALSE_ALARMS = 0.75  # confident learning takes some of a model's own mistakes for wrong labels
_SAMPLED = 4000  # samples that the weights of the opinions are fitted on
_HELD = 10.0  # how firmly the usual weights are held: as by some ten samples
_USUAL: dict[Kind, float] = {
    "first look": 0.5,
    "along the training": 0.5,
    "network": 0.5,
    "parent": 0.25,
    "own model": 0.5,
}


@dataclass(frozen=True)
class Opinion:
    """What one predictor says: log-probabilities (n, classes), NaN rows where it says nothing.

    `learnt` (n,) are the samples whose given label it was trained on; None if no sample's was. Folds that
    leave a sample out count as not trained on it.
    """

    kind: Kind
    log_probs: Table
    learnt: Rows | None = None
    name: str = ""  # how pages call it; left out, its kind

    @property
    def title(self) -> str:
        """How a page calls it, such as "First look"."""
        name = self.name or self.kind
        return name[0].upper() + name[1:]


@dataclass(frozen=True)
class Evidence:
    """What is known of each sample before anybody answers; built once for a set of opinions."""

    labels: Ints  # (n,) given classes, by position
    classes: int
    start: Numbers  # (n,) log-odds that the label is wrong, before any answer
    columns: NDArray[np.float32]  # (n, columns), standardised
    names: tuple[str, ...]  # of the columns, in plain English
    groups: tuple[str, ...]  # of the columns: what they come from, such as "First look"


def gather(
    opinions: Sequence[Opinion],
    labels: Ints,
    *,
    classes: int,
    hold_out: Rows | None = None,
    silent: Rows | None = None,
) -> Evidence:
    """The evidence of at least one opinion about the given `labels` (n,).

    `hold_out` (n,) are the samples that no run trains on; the labels of the `silent` samples (n,) have no say
    in what is thought of the others. Raises ValueError if there is no opinion, or if one has another shape.
    """
    labels = np.asarray(labels, np.int64)
    if not opinions:
        raise ValueError("there is no opinion to learn from")
    for opinion in opinions:
        if opinion.log_probs.shape != (len(labels), classes):
            raise ValueError(f"{opinion.title} has no row for every sample or no column for every class")
    tables = [_clean(opinion.log_probs) for opinion in opinions]
    heard = np.ones(len(labels), np.bool_) if silent is None else ~silent
    doubts = [_class_doubt(table[heard], labels[heard]) for table in tables]
    of_class = np.mean([of_each for of_each, _ in doubts], axis=0)
    shares = [share for _, share in doubts]
    share = (float(np.mean(shares)) + max(shares)) / 2  # what a network has learnt by heart it does not see
    start = _start(opinions, tables, labels, of_class[labels], share, heard)
    columns: list[tuple[str, str, Numbers]] = []
    for opinion, table in zip(opinions, tables, strict=True):
        columns += _columns_of(opinion, table, labels)
    columns += _columns_together(tables, labels, of_class[labels])
    if hold_out is not None and 0 < hold_out.sum() < len(labels):
        columns.append(("Hold-out", "In the hold-out", _standardised(hold_out.astype(np.float64))))
    columns.append((START, "How suspicious the start order finds it", start - np.median(start)))
    columns += _places(start)
    return Evidence(
        labels,
        classes,
        start,
        np.stack([values for _, _, values in columns], axis=1).astype(np.float32),
        tuple(name for _, name, _ in columns),
        tuple(group for group, _, _ in columns),
    )


def start(evidence: Evidence) -> Numbers:
    """The probability (n,) that each given label is wrong, before any answer: what orders the first cards.

    It is careful about classes: one that is hard to tell apart looks like one with many wrong labels.
    """
    probabilities: Numbers = expit(evidence.start)
    return probabilities


def _clean(log_probs: Table) -> Table:
    """Normalised log-probabilities without infinities; a row with a NaN is NaN as a whole."""
    table = np.clip(np.asarray(log_probs, np.float32), _LOWEST, 0.0)
    with np.errstate(invalid="ignore"):
        cleaned: Table = table - logsumexp(table, axis=1, keepdims=True)
    return cleaned


def _start(
    opinions: Sequence[Opinion],
    tables: list[Table],
    labels: Ints,
    of_class: Numbers,
    share: float,
    heard: Rows,
) -> Numbers:
    """Log-odds (n,) that the given label is wrong, from all opinions that say something of the sample."""
    doubt = np.full(len(labels), np.nan)
    says = np.stack([~np.isnan(table[:, 0]) for table in tables], axis=1)
    learnt = np.zeros(len(labels), np.bool_)
    for opinion in opinions:
        learnt |= False if opinion.learnt is None else opinion.learnt
    for pattern in np.unique(says, axis=0):
        if pattern.any():
            here = (says == pattern).all(axis=1)
            spoken = np.flatnonzero(pattern).tolist()
            outside = np.flatnonzero(says[:, spoken].all(axis=1) & ~learnt & heard)
            chosen = [tables[i] for i in spoken]
            weights = _weights([opinions[i].kind for i in spoken], chosen, labels, outside)
            doubt[here] = -_log_odds(_mixed(chosen, weights, np.flatnonzero(here)), labels[here])
    doubt = _one_scale(doubt, learnt) + of_class
    known = ~np.isnan(doubt)
    share = min(0.5, max(0.005, _FALSE_ALARMS * share))
    level = np.log(share / (1 - share))
    if (known & heard).any():
        doubt[known] += shift_to(doubt[known & heard], share)
    return np.where(known, doubt, level)


def _mixed(tables: list[Table], weights: Numbers, rows: Ints) -> Numbers:
    """The weighted sum of log-probabilities of some rows, normalised again."""
    total = sum(weight * table[rows] for weight, table in zip(weights, tables, strict=True))
    return np.asarray(total - logsumexp(np.asarray(total), axis=1, keepdims=True), np.float64)


def _weights(kinds: list[Kind], tables: list[Table], labels: Ints, outside: Ints) -> Numbers:
    """How much each opinion counts in the start order (opinions,).

    They are those with which the opinions together best predict the given labels of the samples `outside`,
    which no opinion has learnt; the fewer these are, the closer to the usual weights.
    """
    usual = np.array([_USUAL[kind] for kind in kinds])
    rows = outside[:: max(1, len(outside) // _SAMPLED)]
    if not len(rows):
        return usual
    spoken, own = np.stack([table[rows] for table in tables]).astype(np.float64), labels[rows]
    of_own = spoken[:, np.arange(len(rows)), own].sum(axis=1)

    def misfit(weights: Numbers) -> tuple[float, Numbers]:
        total = np.tensordot(weights, spoken, 1)
        level = logsumexp(total, axis=1)
        expected = np.einsum("nk,jnk->j", np.exp(total - level[:, None]), spoken)
        off = weights - usual
        return float(level.sum() - weights @ of_own + _HELD * off @ off), expected - of_own + 2 * _HELD * off

    found = minimize(misfit, usual, jac=True, bounds=[(0.0, 3.0)] * len(kinds), method="L-BFGS-B")
    return np.asarray(found.x, np.float64)


def _columns_of(opinion: Opinion, table: Table, labels: Ints) -> list[tuple[str, str, Numbers]]:
    says = ~np.isnan(table[:, 0])
    rows, group = np.flatnonzero(says), opinion.title
    values = np.full((4, len(labels)), np.nan)
    if len(rows):
        own = table[rows, labels[rows]]
        others = np.array(table[rows])
        others[np.arange(len(rows)), labels[rows]] = -np.inf
        best = others.max(axis=1) if table.shape[1] > 1 else np.full(len(rows), _LOWEST)
        values[0, rows] = -_log_odds(table[rows], labels[rows])
        values[1, rows] = np.exp(best) - np.exp(own)
        values[2, rows] = best
        values[3, rows] = -(np.exp(table[rows]) * table[rows]).sum(axis=1)
    what = (
        "the given label is improbable",
        "another class is more probable",
        "how probable the best other class is",
        "how unsure it is",
    )
    learnt = np.zeros(len(labels), np.bool_) if opinion.learnt is None else opinion.learnt
    found = [
        (group, f"{group}: {text}", _standardised(_one_scale(column, learnt)))
        for text, column in zip(what, values, strict=True)
    ]
    if len(rows) < len(labels):
        found.append((group, f"{group}: says nothing", _standardised((~says).astype(np.float64))))
    return found


def _columns_together(tables: list[Table], labels: Ints, of_class: Numbers) -> list[tuple[str, str, Numbers]]:
    """How often the given class looks wrong, and whether the opinions agree."""
    says = np.stack([~np.isnan(table[:, 0]) for table in tables])
    predicted = np.stack([np.where(np.isnan(table), -np.inf, table).argmax(axis=1) for table in tables])
    against = says & (predicted != labels)
    share = against.sum(axis=0) / np.maximum(1, says.sum(axis=0))
    found = [
        ("Given class", "How often labels of the given class look wrong", _standardised(of_class)),
        ("Agreement", "Share of opinions that predict another class", _standardised(share)),
    ]
    if len(tables) > 1:
        first = np.where(says.any(axis=0), predicted[says.argmax(axis=0), np.arange(len(labels))], -1)
        same = (~says | (predicted == first)).all(axis=0) & (says.sum(axis=0) > 1) & (first != labels)
        found.append(
            ("Agreement", "All opinions predict the same other class", _standardised(same.astype(np.float64)))
        )
    return found


def _places(doubt: Numbers) -> list[tuple[str, str, Numbers]]:
    """Hat functions along the start order, closer together at its top."""
    knots = np.unique(np.quantile(doubt, 1 - np.linspace(0, 1, _KNOTS) ** 2))
    hats = [np.interp(doubt, knots, row) for row in np.eye(len(knots))]
    return [(PLACES, f"Place {len(hats) - i} in the start order", hat) for i, hat in enumerate(hats)]


def _log_odds(table: Table, labels: Ints) -> Numbers:
    """Log-odds (n,) of the given label in log-probabilities without NaN."""
    rows = np.arange(len(labels))
    others = np.array(table)
    others[rows, labels] = -np.inf
    odds: Numbers = table[rows, labels] - np.maximum(logsumexp(others, axis=1), _LOWEST)
    return odds


def _one_scale(values: Numbers, learnt: Rows) -> Numbers:
    """Values (n,) of the samples that a network has learnt, on the scale of those that it has not.

    A network is more sure of labels that it was trained on. Their mean and spread are set to those of the
    other samples, as if both parts had the same share of wrong labels; the answers correct this.
    """
    there = ~np.isnan(values)
    inside, outside = there & learnt, there & ~learnt
    if min(inside.sum(), outside.sum()) < _ENOUGH:
        return values
    spread = values[inside].std()
    moved = np.array(values)
    if spread > 1e-9:  # noqa: PLR2004
        moved[inside] = values[outside].mean() + (values[inside] - values[inside].mean()) * (
            values[outside].std() / spread
        )
    return moved


def _standardised(values: Numbers) -> Numbers:
    """Mean 0 and spread 1; 0 where nothing is said, or where all values are the same."""
    there = ~np.isnan(values)
    if not there.any() or not (spread := values[there].std()) > 1e-9:  # noqa: PLR2004
        return np.zeros(len(values))
    return np.where(there, (values - values[there].mean()) / spread, 0.0)


def _class_doubt(table: Table, labels: Ints) -> tuple[Numbers, float]:
    """How much more than others each class seems wrongly given (classes,), log-odds; the share of all labels.

    Half of it is the noise of the class, that is how often its labels look like another class; half is how
    much more often they do so than labels of other classes look like it. Of a class that is only hard both
    happen. A class with few samples is drawn to the mean.
    """
    joint = confident_joint(table, labels).astype(np.float64)
    right = np.diag(joint)
    away, towards = joint.sum(axis=1) - right, joint.sum(axis=0) - right
    share = float(away.sum() / max(1.0, joint.sum()))
    usual = _SHRUNK * np.array([share, 1 - share])
    noise = np.log((away + usual[0] + 1) / (right + usual[1] + 1))
    excess = np.log((away + usual[0] + 1) / (towards + usual[0] + 1))
    doubt: Numbers = 0.5 * noise + 0.5 * excess
    return doubt - np.average(doubt, weights=joint.sum(axis=1) + 1e-9), share
