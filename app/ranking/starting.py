"""The first order of the labels, before anybody trained or answered: how probable it is that each is wrong.

Pure functions on arrays. An opinion out of fold says how well the label fits the image, the class says how
often its labels are wrong, and Bayes' rule puts the two together. An image with a wrong label is taken as any
image, one with a right label as the opinion describes those with this label:

    odds = noise / (1 - noise) * share / p        p: the opinion's probability of the given label
                                                  share: of the labels that are of this class

That is the order. The probability is noise * share / p: labels of a class come to wrong images as often as to
any, and p is the share of all images like this one that have the label. No constant was fitted to data.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from app.ranking.models import UNJUDGED
from app.ranking.out_of_fold import Opinion
from app.ranking.scoring import Floats, class_noise

_EXTREME = 1e-4  # no label is surer than this to be right or wrong
_SUREST = 0.999999  # the highest label quality of a judged label


@dataclass(frozen=True)
class Start:
    """Arrays (n,) for the images, (classes,) for the classes."""

    label_quality: Floats  # 0 to 1, low is suspicious; `UNJUDGED` where nothing is known of the class
    error_probability: Floats  # 0 to 1; the share of wrong labels where nothing is known
    noise: Floats  # estimated share of wrong labels of each class


def start(opinion: Opinion, labels: NDArray[np.integer]) -> Start:
    """The first order of these labels (n,), -1 where an image has none."""
    n, there = len(labels), np.flatnonzero(opinion.judged)
    classes = opinion.log_probs.shape[1]
    if not len(there):
        zero = np.zeros(n, np.float32)
        return Start(zero + np.float32(UNJUDGED), zero, np.zeros(classes, np.float32))
    given = np.asarray(labels, np.int64)[there]
    log_probs = opinion.log_probs[there]
    noise = class_noise(log_probs, given)
    own = log_probs[np.arange(len(given)), given].astype(np.float64)
    share = np.bincount(given, minlength=classes)[given] / len(given)
    wrong = np.log(np.clip(noise, _EXTREME, 1 - _EXTREME).astype(np.float64))
    by_chance = np.log(share) - own  # how much rather any image than one with this label
    suspicion = (wrong - np.log1p(-np.exp(wrong)))[given] + by_chance
    probability = np.full(n, noise[given].mean(), np.float32)
    probability[there] = _rising(suspicion, np.minimum(1, np.exp(wrong[given] + by_chance)))
    quality = np.full(n, UNJUDGED, np.float32)
    quality[there] = np.minimum(1 / (1 + np.exp(np.clip(suspicion, -50, 50))), _SUREST)
    return Start(quality, probability, noise)


def _rising(suspicion: NDArray[np.float64], probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """The nearest probabilities that never fall where the suspicion rises."""
    result: NDArray[np.float64] = IsotonicRegression().fit_transform(suspicion, probability)
    return np.clip(result, _EXTREME, 1 - _EXTREME)
