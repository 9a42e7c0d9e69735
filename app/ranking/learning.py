"""A worklist that learns: people's answers and the evidence give each label a probability of being wrong.

A logistic regression corrects the start order (`ranking/opinions.py`), which it has as its offset: with no
answer it is the start order. Answers come from the top of an order, not from all of it, so three things keep
them from saying too much about the rest:

1. Imagined answers, spread evenly over all samples, say what the start order says (a catalytic prior, Huang
   et al. 2020). They count as a few tens of answers.
2. Coefficients have a normal prior around 0. Places in the start order have coefficients of their own, so
   that answers correct the places where they are more than the other ones.
3. Evidence counts by its distance from the answered samples' mean: answers that are all the same move the
   level of all labels, and hardly their order.

The posterior is Laplace's approximation. Measured in docs/decisions/0020.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from app.ranking.opinions import PLACES, START, Evidence, Numbers
from app.ranking.scoring import Ints

FEWEST = 20  # answers from which on the order is worth changing
_IMAGINED = 20.0  # answers that the start order counts as
_ROWS = 2000  # samples that these are spread over
# Standard deviations of the coefficients' priors, in log-odds for one standard deviation of the evidence.
_LEVEL = 0.5  # of all labels
_OF_OPINION = 0.35  # of what opinions say
_OF_CLASS = 1.0  # of the given class
_PRIORS = {START: 1.0, PLACES: 1.0}  # of the start order: how steep it is, and of each place in it
_AGREE = 20  # pairs of answers that agree, before there are any
_STEPS = 60
_PRECISE = 1e-8


@dataclass(frozen=True)
class Model:
    """What the answers have taught; `to_json` and `from_json` keep it.

    Coefficients are log-odds. Their posterior precision has three blocks: the level and the columns (d + 1,
    d + 1), these with the classes (d + 1, classes), and the classes, which is diagonal.
    """

    names: tuple[str, ...]  # of the evidence's columns
    coefficients: Numbers  # (d + 1,): the level, then the columns
    of_class: Numbers  # (classes,): of the given class
    dense: Numbers
    cross: Numbers
    diagonal: Numbers
    answers: int  # samples with an answer
    wrong: float  # of these, the number with a wrong label

    def log_odds(self, evidence: Evidence) -> Numbers:
        """Log-odds (n,) that each given label is wrong. Raises ValueError for other evidence."""
        if evidence.names != self.names or evidence.classes != len(self.of_class):
            raise ValueError("the model was fitted on other evidence; fit it again")
        learnt: Numbers = evidence.columns @ self.coefficients[1:]
        odds: Numbers = evidence.start + self.coefficients[0] + learnt + self.of_class[evidence.labels]
        return odds

    def probabilities(self, evidence: Evidence) -> Numbers:
        """The probability (n,) that each given label is wrong, 0…1."""
        probabilities: Numbers = expit(self.log_odds(evidence))
        return probabilities

    def to_json(self) -> dict[str, Any]:
        """Numbers, texts and lists only."""
        return {
            key: value.tolist() if isinstance(value, np.ndarray) else value
            for key, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Model":
        """What `to_json` returned, also after a way through JSON."""
        arrays = ("coefficients", "of_class", "dense", "cross", "diagonal")
        return cls(
            **{key: np.array(value, np.float64) if key in arrays else value for key, value in data.items()}
            | {"names": tuple(data["names"])}
        )


def fit(
    evidence: Evidence,
    rows: Ints | Sequence[int],
    wrong: NDArray[Any] | Sequence[float],
    *,
    weights: NDArray[Any] | Sequence[float] | None = None,
    slips: float = 0.0,
) -> Model:
    """Learn from answers: of which sample (rows of the evidence), and whether its given label was wrong.

    `wrong` is 0…1; NaN ("unsure") does not count. Several answers about one sample count as one, their
    weighted mean, with the largest of their `weights` (1 if left out). The order of the answers does not
    matter. `slips` (below 0.5) is how often people are known to answer wrongly, such as by `share_of_slips`:
    then the probabilities are about the truth, not about what people say (Natarajan et al. 2013). Raises
    ValueError for a row that the evidence does not have.
    """
    row, target, weight = _combined(evidence, rows, wrong, weights)
    imagined = _spread_over(evidence.start)
    unbiased = (target - slips) / (1 - 2 * slips)  # below 0 or above 1 for one answer, right in the mean
    both = np.concatenate([row, imagined])
    is_place = np.array([group == PLACES for group in evidence.groups])
    middle = np.zeros(len(is_place))
    if len(row):
        middle = np.where(is_place, 0.0, evidence.columns[row].mean(axis=0, dtype=np.float64))
    answers = _Answers(
        columns=np.hstack([np.ones((len(both), 1)), evidence.columns[both] - middle]),
        labels=evidence.labels[both],
        classes=evidence.classes,
        start=evidence.start[both],
        wrong=np.concatenate([unbiased, expit(evidence.start[imagined])]),
        weights=np.concatenate([weight, np.full(len(imagined), _IMAGINED / len(imagined))]),
    )
    precision = np.array([_LEVEL, *(_PRIORS.get(group, _OF_OPINION) for group in evidence.groups)]) ** -2.0
    coefficients, of_class, (dense, cross, diagonal) = _maximum(
        answers, precision, np.full(evidence.classes, _OF_CLASS**-2)
    )
    coefficients[0] -= middle @ coefficients[1:]
    back = np.eye(len(precision))  # from coefficients of the columns to those of the columns minus `middle`
    back[0, 1:] = middle
    return Model(
        names=evidence.names,
        coefficients=coefficients,
        of_class=of_class,
        dense=back.T @ dense @ back,
        cross=back.T @ cross,
        diagonal=diagonal,
        answers=len(row),
        wrong=float((target * weight).sum()),
    )


def share_of_slips(rows: Ints | Sequence[int], wrong: NDArray[Any] | Sequence[float]) -> float:
    """How often people answer wrongly, from samples that several people answered, 0…0.3.

    Two people who both err with the share e disagree with 2e(1 - e). Few such samples say little: twenty
    pairs that agree are added. NaN ("unsure") does not count.
    """
    row, target = np.asarray(rows, np.int64).reshape(-1), np.asarray(wrong, np.float64).reshape(-1)
    clear = ~np.isnan(target)
    _, place = np.unique(row[clear], return_inverse=True)
    answers = np.bincount(place)
    against = np.bincount(place, weights=target[clear], minlength=len(answers))
    pairs, apart = (answers * (answers - 1) / 2).sum(), (against * (answers - against)).sum()
    disagree = min(0.42, float(apart / (pairs + _AGREE)))  # 0.42 is what a share of 0.3 gives
    return (1 - float(np.sqrt(1 - 2 * disagree))) / 2


def _spread_over(start: Numbers) -> Ints:
    """Rows at even distances along the start order."""
    order = np.argsort(start, kind="stable")
    return order[np.linspace(0, len(order) - 1, min(len(order), _ROWS)).round().astype(np.int64)]


@dataclass(frozen=True)
class _Answers:
    columns: Numbers  # (m, d + 1)
    labels: Ints  # (m,)
    classes: int
    start: Numbers  # (m,)
    wrong: Numbers  # (m,)
    weights: Numbers  # (m,)

    def log_odds(self, coefficients: Numbers, of_class: Numbers) -> Numbers:
        odds: Numbers = self.start + self.columns @ coefficients + of_class[self.labels]
        return odds

    def by_class(self, values: Numbers) -> Numbers:
        """The sum of values (m,) of each class (classes,)."""
        sums: Numbers = np.bincount(self.labels, weights=values, minlength=self.classes).astype(np.float64)
        return sums


_Blocks = tuple[Numbers, Numbers, Numbers]


def _combined(evidence: Evidence, rows: Any, wrong: Any, weights: Any) -> tuple[Ints, Numbers, Numbers]:
    """Rows without repetition, their targets and weights, whatever the order of the answers."""
    row = np.asarray(rows, np.int64).reshape(-1)
    target = np.asarray(wrong, np.float64).reshape(-1)
    weight = np.ones(len(row)) if weights is None else np.asarray(weights, np.float64).reshape(-1)
    if not len(row) == len(target) == len(weight):
        raise ValueError("every answer needs a row, a verdict and a weight")
    if len(row) and not (row.min() >= 0 and row.max() < len(evidence.labels)):
        raise ValueError("an answer is about a sample that the evidence does not have")
    counts = ~np.isnan(target) & (weight > 0)
    row, target, weight = row[counts], target[counts], weight[counts]
    order = np.lexsort((weight, target, row))
    row, target, weight = row[order], target[order], weight[order]
    samples, place = np.unique(row, return_inverse=True)
    total = np.bincount(place, weights=weight, minlength=len(samples))
    mean = np.bincount(place, weights=weight * target, minlength=len(samples)) / np.maximum(total, 1e-300)
    largest = np.zeros(len(samples))
    np.maximum.at(largest, place, weight)
    return samples, np.clip(mean, 0, 1), largest


def _maximum(answers: _Answers, precision: Numbers, of_classes: Numbers) -> tuple[Numbers, Numbers, _Blocks]:
    """The most probable coefficients by Newton's method, and the posterior's precision there."""
    coefficients, of_class = np.zeros(len(precision)), np.zeros(len(of_classes))

    def cost(some: Numbers, others: Numbers) -> float:
        odds = answers.log_odds(some, others)
        misfit = (answers.weights * (np.logaddexp(0, odds) - answers.wrong * odds)).sum()
        return float(misfit + 0.5 * (precision @ some**2 + of_classes @ others**2))

    now = cost(coefficients, of_class)
    for _ in range(_STEPS):
        blocks = _precision(answers, coefficients, of_class, precision, of_classes)
        rest = answers.weights * (answers.wrong - expit(answers.log_odds(coefficients, of_class)))
        slope = answers.columns.T @ rest - precision * coefficients
        slope_of_class = answers.by_class(rest) - of_classes * of_class
        step, step_of_class = _solve(blocks, slope, slope_of_class)
        length, gain = 1.0, float(slope @ step + slope_of_class @ step_of_class)
        while (
            then := cost(coefficients + length * step, of_class + length * step_of_class)
        ) > now and length > _PRECISE:
            length /= 2  # a whole step may go too far
        if gain < _PRECISE or then > now:
            break
        coefficients, of_class, now = coefficients + length * step, of_class + length * step_of_class, then
    return (
        coefficients,
        of_class,
        _precision(answers, coefficients, of_class, precision, of_classes),
    )


def _precision(
    answers: _Answers, coefficients: Numbers, of_class: Numbers, precision: Numbers, of_classes: Numbers
) -> _Blocks:
    p = expit(answers.log_odds(coefficients, of_class))
    curvature = answers.weights * p * (1 - p)
    weighted = answers.columns * curvature[:, None]
    cross = np.stack([answers.by_class(column) for column in weighted.T])
    return weighted.T @ answers.columns + np.diag(precision), cross, answers.by_class(curvature) + of_classes


def _solve(blocks: _Blocks, right: Numbers, right_of_class: Numbers) -> tuple[Numbers, Numbers]:
    """Solve with the block matrix; many classes cost no more than their number."""
    dense, cross, diagonal = blocks
    reduced = dense - (cross / diagonal) @ cross.T
    found = np.asarray(np.linalg.solve(reduced, right - cross @ (right_of_class / diagonal)), np.float64)
    return found, (right_of_class - cross.T @ found) / diagonal
