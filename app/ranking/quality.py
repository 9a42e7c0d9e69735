"""The label quality that the default ranking goes by.

Pure functions on arrays; measured in docs/decisions/0006.

Arrays are as in `ranking/scoring.py`: log-probabilities (n, classes), labels (n,).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.ranking.scoring import (
    Floats,
    Ints,
    Table,
    class_noise,
    disagreement,
    mean_log_probs,
    mean_margin,
    normalized_margin,
)

_FINAL = 3.0  # epochs that the final prediction counts as; from 1 to 4 long trainings give the same result


@dataclass(frozen=True)
class Judged:
    """The label quality (n,) of each sample, 0…1, low if suspicious, and log-probabilities (n, classes).

    `noise` (classes,) is the estimated share of wrong labels of each class. `disagreement` (n,) is that of
    the predictions in the epochs, at the end and by the networks of the folds.
    """

    quality: Floats
    log_probs: Floats
    noise: Floats
    disagreement: Floats


def judge_labels(
    final: Floats,
    epochs: Sequence[Table],
    labels: Ints,
    *,
    others: Sequence[tuple[Table, float]] = (),
    out_of_sample: Table | None = None,
    silent: NDArray[np.bool_] | None = None,
) -> Judged:
    """What a training says of the labels.

    `final` are the log-probabilities of the network in the end, `epochs` those of each epoch, NaN where a
    sample was not looked at. `others` are further tables, and how many epochs each counts as. Where
    `out_of_sample` is not NaN, it is the only word that counts. `silent` (n,) are judged without having a say
    in what is thought of their class.
    """
    later = epochs[len(epochs) // 4 :]  # in the first quarter the network knew little
    margins = mean_margin([*((epoch, 1.0) for epoch in later), (final, _FINAL), *others], labels)
    log_probs = mean_log_probs([final, *later])
    if out_of_sample is not None:
        there = ~np.isnan(out_of_sample[:, 0])
        log_probs[there] = out_of_sample[there]
        margins[there] = normalized_margin(log_probs[there], labels[there])
    heard = np.ones(len(labels), bool) if silent is None else ~silent
    noise = class_noise(log_probs[heard], labels[heard])
    share = settled(final[heard], [epoch[heard] for epoch in epochs[-2:]], labels[heard], noise)
    words = [
        final,
        *later,
        *(table for table, _ in others),
        *(() if out_of_sample is None else (out_of_sample,)),
    ]
    return Judged(
        quality_by_class(margins, labels, noise, share=share), log_probs, share * noise, disagreement(words)
    )


def quality_by_class(margins: Floats, labels: Ints, noise: Floats, *, share: float = 1.0) -> Floats:
    """Each margin minus `share` of the noise of its class, brought to 0…1 (n,).

    Annotators are not equally wrong about all classes: where many labels of a class look wrong, one more
    doubt weighs more than where nearly all look right. To a network that knows everything the mean margin of
    a class is 1 - 2 x noise; with a `share` of 1 half of that mean is added.
    """
    quality: Floats = ((margins - share * noise[labels] + 1 + share) / (2 + share)).astype(np.float32)
    return quality


def settled(final: Floats, epochs: Sequence[Table], labels: Ints, noise: Floats) -> float:
    """How far the differences in `noise` between the classes can be believed, 0…1.

    In a network that has learnt too little a class that is only hard looks wrong. Its noise still falls from
    epoch to epoch then: the mean square of the last change is held against the variance between the classes,
    and the share of it that remains is the positive part of James and Stein's (1961).
    """
    spread = float(np.var(noise))
    if not epochs or not spread:
        return 0.0
    before, after = [*epochs, final][:2] if len(epochs) == 1 else epochs[-2:]
    change = class_noise(after, labels) - class_noise(before, labels)
    return max(0.0, 1 - float(np.mean(change**2)) / spread)
