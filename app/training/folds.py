"""The networks of a run by number, and the folds: who judges a sample whose network must not know it.

Pure functions.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

WHOLE = -1  # the network that trained on the whole training part; others that did are -2, -3, …
NEVER_TRAINED = ("valid", "test")  # the parts that no network trains on


def whole_networks(networks: int) -> list[int]:
    """The numbers of so many networks that train on the whole training part; WHOLE comes first."""
    return [WHOLE - place for place in range(networks)]


def network_name(fold: int) -> str:
    """Of a network of a run: its folder within the run's."""
    if fold == WHOLE:
        return "main"
    return f"fold-{fold}" if fold > WHOLE else f"main-{WHOLE - fold + 1}"


def assign_folds(sha256: Sequence[str], *, folds: int) -> NDArray[np.int64]:
    """Fold 0…folds-1 of each sample (n,), from its content alone; WHOLE for all when there are no folds.

    Copies of one image fall into one fold, so no network judges an image that it trained on under another
    name. The fold does not depend on the other samples, so a fine-tuned fold network goes on from a parent
    that never saw its fold either.
    """
    if not folds:
        return np.full(len(sha256), WHOLE, dtype=np.int64)
    return np.array([int(digest[:12], 16) % folds for digest in sha256], dtype=np.int64)
