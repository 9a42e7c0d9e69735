"""The first order of the labels, before anybody trained or answered: how probable it is that each is wrong.

Pure functions on arrays. The image says how well the label fits it, out of fold; the class says how often its
labels are wrong. As in Bayes' rule the odds of the class are multiplied with what the image says.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.ranking.models import UNJUDGED
from app.ranking.out_of_fold import Opinion
from app.ranking.scoring import Floats, class_noise

_EXTREME = 1e-4  # no image is surer than this to be right or wrong


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
    share = float((noise[given]).mean())
    own = log_probs[np.arange(len(given)), given].astype(np.float64)
    suspicion = -own + _log_odds(noise)[given]
    probability = np.full(n, share, np.float32)
    probability[there] = _with_mean(suspicion, share)
    quality = np.full(n, UNJUDGED, np.float32)
    quality[there] = 1 - probability[there]
    return Start(quality, probability, noise)


def _log_odds(share: NDArray[np.floating]) -> NDArray[np.float64]:
    bounded = np.clip(np.asarray(share, np.float64), _EXTREME, 1 - _EXTREME)
    return np.log(bounded) - np.log1p(-bounded)


def _with_mean(suspicion: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """Probabilities whose log-odds are the suspicion and a constant, which makes their mean this share."""
    low, high = -60.0 - float(suspicion.max()), 60.0 - float(suspicion.min())
    for _ in range(60):
        middle = (low + high) / 2
        mean = float((1 / (1 + np.exp(-np.clip(suspicion + middle, -60, 60)))).mean())
        low, high = (middle, high) if mean < share else (low, middle)
    result: NDArray[np.float64] = 1 / (1 + np.exp(-np.clip(suspicion + low, -60, 60)))
    return result
