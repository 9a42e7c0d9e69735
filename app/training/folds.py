"""Which network may judge which sample. Pure functions."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

WHOLE = -1  # the network that trained on the whole training part


def assign_folds(sha256: Sequence[str], *, folds: int) -> NDArray[np.int64]:
    """Fold 0…folds-1 of each sample (n,), from its content alone.

    Copies of one image fall into one fold, so no network judges an image that it trained on under another name. The fold
    does not depend on the other samples, so a fine-tuned fold network goes on from a parent that never saw its fold either.
    """
    return np.array([int(digest[:12], 16) % folds for digest in sha256], dtype=np.int64)
