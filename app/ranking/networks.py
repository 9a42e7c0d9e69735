"""What the networks of a training say of each image, in every epoch and in the end.

Pure functions on log-probabilities (n, classes), as in `ranking/scoring.py`; measured in docs/decisions/0006.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.ranking.scoring import Floats, Table, disagreement, mean_log_probs


@dataclass(frozen=True)
class Said:
    """Log-probabilities (n, classes) that the ranking is by, and the `disagreement` (n,).

    That is the one of the predictions in the epochs, at the end, by the networks of the folds and by others.
    """

    log_probs: Floats
    disagreement: Floats


def hear(
    final: Floats,
    epochs: Sequence[Table],
    *,
    others: Sequence[Table] = (),
    out_of_sample: Table | None = None,
) -> Said:
    """All predictions of a training together.

    `final` are the log-probabilities of the network in the end, `epochs` those of each epoch, NaN where a
    sample was not looked at; `others` those of other networks, which count for the disagreement only. Where
    `out_of_sample` is not NaN, it is the only word that counts.
    """
    later = epochs[len(epochs) // 4 :]  # in the first quarter the network knew little
    log_probs = mean_log_probs([final, *later])
    if out_of_sample is not None:
        there = ~np.isnan(out_of_sample[:, 0])
        log_probs[there] = out_of_sample[there]
    words = [final, *later, *others, *(() if out_of_sample is None else (out_of_sample,))]
    return Said(log_probs, disagreement(words))
