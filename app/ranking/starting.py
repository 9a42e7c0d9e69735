"""The first order of the labels, before anybody answered: how probable it is that each is wrong.

Pure functions on arrays. Every run ranks by it, a first look as well as a training; the worklist that learns
(`ranking/learning.py`) begins with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.ranking import opinions
from app.ranking.models import UNJUDGED
from app.ranking.opinions import Opinion, Rows
from app.ranking.scoring import Floats, Ints

_SUREST = 0.999999  # the highest label quality of a judged label


@dataclass(frozen=True)
class Start:
    """Arrays (n,) for the images, (classes,) for the classes."""

    label_quality: Floats  # 0 to 1, low is suspicious; `UNJUDGED` where nothing is known of the class
    error_probability: Floats  # 0 to 1; the share of wrong labels where nothing is known
    noise: Floats  # expected share of wrong labels of each class


def start(
    said_by: Sequence[Opinion],
    labels: Ints,
    *,
    classes: int,
    hold_out: Rows | None = None,
    silent: Rows | None = None,
    unjudged: Rows | None = None,
) -> Start:
    """The first order of these labels (n,), by all opinions together.

    `hold_out`, `silent` and `unjudged` (n,): samples that no run trains on; those whose labels have no say in
    what is thought of the others; those whose class the opinions cannot know.
    """
    n, nobody = len(labels), np.zeros(len(labels), np.bool_)
    unjudged = nobody if unjudged is None else unjudged
    silent = unjudged | (nobody if silent is None else silent)
    if unjudged.all():
        zero = np.zeros(n, np.float32)
        return Start(zero + np.float32(UNJUDGED), zero, np.zeros(classes, np.float32))
    evidence = opinions.gather(said_by, labels, classes=classes, hold_out=hold_out, silent=silent)
    probability = opinions.start(evidence)
    heard = ~silent if not silent.all() else ~unjudged
    probability[unjudged] = probability[heard].mean()
    quality = np.where(unjudged, UNJUDGED, np.minimum(1 - probability, _SUREST)).astype(np.float32)
    sums = np.bincount(labels[heard], weights=probability[heard], minlength=classes)
    noise = sums / np.maximum(1, np.bincount(labels[heard], minlength=classes))
    return Start(quality, probability.astype(np.float32), noise.astype(np.float32))
