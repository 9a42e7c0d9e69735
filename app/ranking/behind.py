"""Whether a network is clearly worse than the first look, so that people go on with the first look's ranking.

Pure functions on arrays.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.ranking.scoring import Ints, Table

_SURE = 2.0  # standard errors between the two error rates, which are of the same images
_ENOUGH = 20  # hold-out images; of fewer nothing is said


@dataclass(frozen=True)
class Comparison:
    """How many hold-out images the network and the first look predict otherwise than they are labelled."""

    network: int
    first_look: int
    images: int
    is_behind: bool  # the network errs more often, by twice the standard error


def compare_with_first_look(
    network: Table, first_look: Table, labels: Ints, *, hold_out: NDArray[np.bool_]
) -> Comparison | None:
    """Both log-probabilities (n, classes) by the labels (n,) of images that neither has learnt.

    Rows of NaN and labels below 0 are left out; None if too few images remain.
    """
    rows = np.flatnonzero(
        hold_out & (labels >= 0) & ~np.isnan(network).any(axis=1) & ~np.isnan(first_look).any(axis=1)
    )
    if len(rows) < _ENOUGH:
        return None
    given = labels[rows]
    worse = (network[rows].argmax(axis=1) != given).astype(int) - (first_look[rows].argmax(axis=1) != given)
    error = float(worse.std() / np.sqrt(len(rows)))
    return Comparison(
        network=int((network[rows].argmax(axis=1) != given).sum()),
        first_look=int((first_look[rows].argmax(axis=1) != given).sum()),
        images=len(rows),
        is_behind=float(worse.mean()) > _SURE * error,
    )
