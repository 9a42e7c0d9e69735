"""Images that are like no class, by a first look's features. A pure function on arrays.

The likeness of an image to a class is the cosine between its features and the median of the class's, which
hardly changes with some images that do not belong there. The distance to the nearest images, which is usual,
fails where several images of one other kind are in a data set: they are near to each other (decision 0023).
"""

import numpy as np

from app.datasets.problems import Found
from app.ranking.scoring import Floats, Ints

FAR, FARTHER = 0.75, 2.5  # beyond the upper quartile of the distances, times the distance of the quartiles
MOST = 50  # images that are only far; all that are farther are reported
SHARE = 0.1  # of all images, where these are fewer
FEWEST = 10  # images, with fewer of which quartiles say nothing


def find_off_topic(features: Floats, labels: Ints, classes: int) -> list[Found]:
    """The images that are like no class, the least alike first.

    `features` (n, dimensions); `labels` (n,) with -1 where the label is not known.
    """
    if len(features) < FEWEST:
        return []
    there = [label for label in range(classes) if (labels == label).any()]
    centres = _unit(np.stack([np.median(features[labels == label], axis=0) for label in there]))
    likeness = (_unit(features) @ centres.T).max(axis=1)
    low, usual, high = np.percentile(likeness, (25, 50, 75))
    far, farther = (low - times * (high - low) for times in (FAR, FARTHER))
    order = np.argsort(likeness, kind="stable")
    some = order[: min(MOST, int(SHARE * len(order)))]
    chosen = [*some[likeness[some] < far], *order[len(some) :][likeness[order[len(some) :]] < farther]]
    return [
        Found(int(place), "off_topic", 1 - float(likeness[place]), float(likeness[place]), float(usual))
        for place in chosen
    ]


def _unit(vectors: Floats) -> Floats:
    lengths = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    result: Floats = (vectors / lengths).astype(np.float32)
    return result
