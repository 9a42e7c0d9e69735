"""Assigns samples to folds: each sample is scored by a network that did not train on it. Pure functions."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

WHOLE = -1  # the network that trained on the whole training part
NEVER_TRAINED = ("valid", "test")  # the parts that no network trains on


def assign_folds(sha256: Sequence[str], *, folds: int) -> NDArray[np.int64]:
    """Fold 0…folds-1 of each sample (n,), from its content alone; WHOLE for all when there are no folds.

    Copies of one image fall into one fold, so no network judges an image that it trained on under another
    name. The fold does not depend on the other samples, so a fine-tuned fold network goes on from a parent
    that never saw its fold either.
    """
    if not folds:
        return np.full(len(sha256), WHOLE, dtype=np.int64)
    return np.array([int(digest[:12], 16) % folds for digest in sha256], dtype=np.int64)
