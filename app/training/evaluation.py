"""How well predictions agree with labels. Pure functions on arrays."""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

Z95 = 1.959963984540054  # 97.5 % point of the standard normal distribution
FEWEST = 50  # labels that are needed to fit a temperature


@dataclass(frozen=True)
class Rate:
    """A share of `n` with its 95 % Wilson interval.

    With `open` cases the interval goes from the lower end for `least` to the upper end for `most`.
    """

    value: float
    low: float
    high: float
    wrong: int
    n: int
    open: int = 0  # not counted, because it is not known yet whether they are wrong

    @property
    def least(self) -> float:
        """The share if all open cases are right."""
        return self.wrong / (self.n + self.open)

    @property
    def most(self) -> float:
        """The share if all open cases are wrong."""
        return (self.wrong + self.open) / (self.n + self.open)


@dataclass(frozen=True)
class ClassReport:
    """One class on the hold-out; a share is None if there is nothing to count."""

    name: str
    precision: float | None
    recall: float | None
    support: int


@dataclass(frozen=True)
class Confusion:
    """Two confused classes: labelled as the first, predicted as the second."""

    label: str
    predicted: str
    count: int


def rate(wrong: int, n: int, *, still_open: int = 0) -> Rate | None:
    """A share with Wilson's interval (Wilson 1927), always within 0…1; None if there is nothing to count.

    With `still_open` cases the lower end assumes that all of them are right and the upper end that all are
    wrong, because they are no random sample.
    """
    if n == 0:
        return None
    low, high = _wilson(wrong, n + still_open)[0], _wilson(wrong + still_open, n + still_open)[1]
    return Rate(wrong / n, low, high, wrong, n, still_open)


def _wilson(wrong: int, n: int) -> tuple[float, float]:
    p = wrong / n
    centre = (p + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = Z95 / (1 + Z95**2 / n) * sqrt(p * (1 - p) / n + Z95**2 / (4 * n**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def error_rate(labels: NDArray[np.int64], predicted: NDArray[np.int64]) -> Rate | None:
    """Share of (n,) predictions that differ from (n,) labels."""
    return rate(int((labels != predicted).sum()), len(labels))


def confusion_matrix(
    labels: NDArray[np.int64], predicted: NDArray[np.int64], *, classes: int
) -> NDArray[np.int64]:
    """Counts (classes, classes): rows are labels, columns predictions, both by class position."""
    return np.bincount(labels * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def class_reports(matrix: NDArray[np.int64], names: list[str]) -> tuple[ClassReport, ...]:
    """Precision, recall and support of each class from a confusion matrix."""
    support, found, right = matrix.sum(axis=1), matrix.sum(axis=0), np.diag(matrix)
    return tuple(
        ClassReport(
            name,
            float(right[i] / found[i]) if found[i] else None,
            float(right[i] / support[i]) if support[i] else None,
            int(support[i]),
        )
        for i, name in enumerate(names)
    )


def most_confused(matrix: NDArray[np.int64], names: list[str], *, limit: int = 5) -> tuple[Confusion, ...]:
    """The largest cells off the diagonal."""
    off = matrix.copy()
    np.fill_diagonal(off, 0)
    order = np.argsort(-off, axis=None, kind="stable")[:limit]
    cells = [divmod(int(cell), len(names)) for cell in order]
    return tuple(Confusion(names[i], names[j], int(off[i, j])) for i, j in cells if off[i, j])


def calibration_error(log_probs: NDArray[np.float32], labels: NDArray[np.int64], *, bins: int = 15) -> float:
    """Expected calibration error (Guo et al. 2017), 0…1, of (n, classes) log-probabilities; equal bins."""
    confidence, right = np.exp(log_probs.max(axis=1)), log_probs.argmax(axis=1) == labels
    place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(place, confidence, bins) - np.bincount(place, right, bins)
    return float(np.abs(gaps).sum() / len(labels))


def fit_temperature(log_probs: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """The temperature that minimises the loss on these labels (Guo et al. 2017); divide logits by it."""
    from scipy.optimize import minimize_scalar  # keeps it out of the web process

    def loss(log_temperature: float) -> float:
        return -float(
            tempered(log_probs, float(np.exp(log_temperature)))[np.arange(len(labels)), labels].mean()
        )

    return float(np.exp(minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded").x))


def calibrate(log_probs: NDArray[np.float32], labels: NDArray[np.int64]) -> tuple[float, float] | None:
    """A temperature for (n, classes) log-probabilities, and its calibration error; None for too few labels.

    The temperature is fitted on all labels. The error is measured on each half with the temperature that is
    fitted on the other half.
    """
    if len(labels) < FEWEST:
        return None
    halves = [np.arange(first, len(labels), 2) for first in (0, 1)]
    after = np.empty(log_probs.shape, np.float32)
    for mine, others in (halves, halves[::-1]):
        after[mine] = tempered(log_probs[mine], fit_temperature(log_probs[others], labels[others]))
    return fit_temperature(log_probs, labels), calibration_error(after, labels)


def tempered(log_probs: NDArray[np.float32], temperature: float) -> NDArray[np.float64]:
    """Log-probabilities (n, classes) at another temperature: less sure above 1, in the same order."""
    scaled = log_probs / temperature
    scaled = scaled - scaled.max(axis=1, keepdims=True)
    result: NDArray[np.float64] = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
    return result
