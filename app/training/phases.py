"""The phases of a run's job, and how much of the whole they are: one bar that never goes back. Pure.

A phase reports how far it is itself. The shares of the phases in the whole are rough: most of the time of a
training is its epochs, most of a first look is the look at every image.
"""

from collections.abc import Mapping
from dataclasses import dataclass

# First words of a job's stage.
DOWNLOADS = "Downloading the ImageNet weights"
CHECKS = "Looking for the image files"
READS = "Reading images"
TRAINS = "Training"
RANKS_EARLY = "Ranking what it has learnt so far"  # between two epochs
PREDICTS = "Predicting every image"
DRAWS = "The ranking is ready"  # the curve of learning rates, after the end of the run
LOOKS = "Looking at every image"
COMPARES = "Comparing the labels"
LOOKS_AT_PATCHES = "Looking at patches"
FINDS_COPIES = "Finding copies"
STORES = "Storing the ranking"


@dataclass(frozen=True)
class Span:
    """Where a phase begins and ends, as shares of the whole."""

    begins: float
    ends: float

    def at(self, share: float) -> float:
        """The share of the whole where this share of the phase is done."""
        return self.begins + (self.ends - self.begins) * min(1.0, max(0.0, share))


EPOCHS = Span(0.1, 0.9)  # of a training
_SPANS: Mapping[str, Span] = {
    DOWNLOADS: Span(0.0, 0.03),
    CHECKS: Span(0.03, 0.05),
    READS: Span(0.05, EPOCHS.begins),
    TRAINS: EPOCHS,
    PREDICTS: Span(EPOCHS.ends, 0.97),
    DRAWS: Span(0.97, 1.0),
    LOOKS: Span(0.0, 0.8),
    COMPARES: Span(0.8, 0.82),
    LOOKS_AT_PATCHES: Span(0.82, 0.9),
    FINDS_COPIES: Span(0.9, 1.0),
    STORES: Span(0.05, 1.0),
}


def share_done(stage: str, done: int, total: int, *, epochs: float = 0.0) -> float:
    """How much of a job is done, 0 to 1, by its stage and how far this is.

    `epochs` is the finished share of a training's epochs: less cannot be done, also when the job has begun
    anew after a crash, or ranks between two epochs.
    """
    finished = EPOCHS.at(epochs) if epochs else 0.0
    span = next((span for words, span in _SPANS.items() if stage.startswith(words)), Span(0.0, 0.0))
    return max(finished, span.at(done / total if total else 0.0))
