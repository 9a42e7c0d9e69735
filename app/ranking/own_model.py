"""The order of the labels by a person's own model. Pure functions on arrays.

`probabilities` has shape (n, classes), one row per image, and may lie in a file: a part is read at a time.
The order is by self-confidence, the probability of the given label, as in cleanlab.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.ranking.rankings import ranking_rows
from app.ranking.scoring import Floats, Ints, class_noise, ranks, shift_to

OUTSIDE, WITHIN = 0, -1  # as a prediction's fold: the model had not learnt the label, or it may have
_TINY = np.finfo(np.float32).tiny
_LEAST = 1e-6  # no label is surer than this to be right or wrong
_SEEN = 10_000_000  # probabilities from which the noise is estimated; more estimate the same
_ROWS = 4000  # at a time
_SUREST = np.float32(0.999999)  # the highest label quality; `UNJUDGED` would mean that nothing is known


@dataclass(frozen=True)
class OwnOrder:
    """What the predictions say of the labels."""

    places: Ints  # (n,) 1 for the most suspicious
    self_confidence: Floats  # (n,) probability of the given label
    error_probability: Floats  # (n,) that the label is wrong
    noise: Floats  # (classes,) estimated share of wrong labels of each class
    agreement: float  # share of the predicted classes that are the given ones


def order(probabilities: NDArray[np.floating[Any]], labels: Ints, paths: list[str]) -> OwnOrder:
    """The order of at least one label, most suspicious first; paths break ties.

    The log-odds of an error are those against the given label, shifted so that as many labels are wrong on
    average as confident learning estimates.
    """
    n, classes = probabilities.shape
    own, agreeing = np.empty(n, np.float32), 0
    for first in range(0, n, _ROWS):
        part = slice(first, first + _ROWS)
        rows, given = np.asarray(probabilities[part], np.float32), labels[part]
        own[part] = rows[np.arange(len(rows)), given]
        agreeing += int((rows.argmax(axis=1) == given).sum())
    shown = np.arange(0, n, max(1, n * classes // _SEEN))
    seen = np.log(np.maximum(np.asarray(probabilities[shown], np.float32), _TINY))
    noise = class_noise(seen, labels[shown])
    return OwnOrder(
        places=ranks(-own, paths),
        self_confidence=own,
        error_probability=_errors(own, float(noise[labels].mean())),
        noise=noise,
        agreement=agreeing / n,
    )


def _errors(own: Floats, share: float) -> Floats:
    """Probabilities of an error (n,) with this mean, from self-confidences (n,)."""
    right = np.clip(own.astype(np.float64), _LEAST, 1 - _LEAST)
    doubt = np.log1p(-right) - np.log(right)
    shift = shift_to(doubt, min(max(share, _LEAST), 1 - _LEAST))
    result: Floats = (1 / (1 + np.exp(-doubt - shift))).astype(np.float32)
    return result


def own_rows(
    run_id: int,
    *,
    sample_ids: Ints,
    labels: Ints,
    probabilities: NDArray[np.floating[Any]],
    ordered: OwnOrder,
    out_of_sample: bool,
) -> Iterator[dict[str, Any]]:
    """The rows of the ranking of a run, made a part at a time: (n,) ids and labels, (n, classes)."""
    fold = OUTSIDE if out_of_sample else WITHIN
    quality = np.minimum(ordered.self_confidence, _SUREST)
    for first in range(0, len(labels), _ROWS):
        part = slice(first, first + _ROWS)
        rows = np.asarray(probabilities[part], np.float32)
        made = ranking_rows(
            run_id,
            sample_ids=sample_ids[part],
            paths=[""] * len(rows),  # the places come from `ordered`
            labels=labels[part],
            log_probs=np.log(np.maximum(rows, _TINY)),
            folds=np.full(len(rows), fold),
            quality=quality[part],
            error_probability=ordered.error_probability[part],
        )
        own, places = ordered.self_confidence[part].tolist(), ordered.places[part].tolist()
        for row, probability, place, exact in zip(made, own, places, rows, strict=True):
            yield row | {"self_confidence": probability, "rank": place, "probabilities": exact}
