"""Images as tiles, each with its label and what a model takes it for."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.ranking.rankings import RankedSample
from app.web.pages.deck.cards import TINY


@dataclass(frozen=True)
class Tile:
    """An image, its label and the class that a model predicts; classes also by position, for their colour."""

    sample_id: int
    path: str
    label: str
    predicted: str
    label_position: int
    predicted_position: int
    confidence: float  # of the predicted class
    tiny: bool


def tile_of(sample: RankedSample, names: Sequence[str]) -> Tile:
    """The tile of a sample; `names` are the classes by position."""
    return Tile(
        sample.sample_id,
        sample.path,
        names[sample.label],
        names[sample.predicted_label],
        sample.label,
        sample.predicted_label,
        sample.confidence,
        tiny=max(sample.width, sample.height) <= TINY,
    )
