"""Cards and ranked samples in the form of the API."""

from app.deck.worklist import Card
from app.ranking.rankings import RankedSample
from app.web.api.models import Output
from app.web.api.samples import image_url


class CardOut(Output):
    """A sample in the worklist or ranking, with the model's prediction; for a second look only the image."""

    sample: int
    blind: bool
    path: str | None
    split: str | None
    given_label: str | None
    label: str | None
    verdict: str | None
    predicted_label: str | None
    self_confidence: float | None
    confidence: float | None
    margin: float | None
    loss: float | None
    error_probability: float | None
    rank: int | None
    probabilities: dict[str, float]
    width: int
    height: int
    image_url: str


def card_out(card: Card) -> CardOut:
    """A card of the worklist."""
    if card.blind:
        return CardOut(
            sample=card.sample_id,
            blind=True,
            path=None,
            split=None,
            given_label=None,
            label=None,
            verdict=None,
            predicted_label=None,
            self_confidence=None,
            confidence=None,
            margin=None,
            loss=None,
            error_probability=None,
            rank=None,
            probabilities={},
            width=card.width,
            height=card.height,
            image_url=image_url(card.sample_id),
        )
    return CardOut(
        sample=card.sample_id,
        blind=False,
        path=card.path,
        split=card.split,
        given_label=card.given_label,
        label=card.label,
        verdict=card.verdict,
        predicted_label=card.predicted_label,
        self_confidence=card.self_confidence,
        confidence=card.confidence,
        margin=card.margin,
        loss=card.loss,
        error_probability=card.error_probability,
        rank=card.rank,
        probabilities=dict(card.probabilities),
        width=card.width,
        height=card.height,
        image_url=image_url(card.sample_id),
    )


def ranked_out(sample: RankedSample, names: list[str]) -> CardOut:
    """A sample of a ranking; its label is the one it was ranked with."""
    return CardOut(
        sample=sample.sample_id,
        blind=False,
        path=sample.path,
        split=sample.split,
        given_label=names[sample.given_label],
        label=names[sample.label],
        verdict=None,
        predicted_label=names[sample.predicted_label],
        self_confidence=sample.self_confidence,
        confidence=sample.confidence,
        margin=sample.margin,
        loss=sample.loss,
        error_probability=sample.error_probability,
        rank=sample.rank,
        probabilities={name: float(p) for name, p in zip(names, sample.probabilities, strict=False)},
        width=sample.width,
        height=sample.height,
        image_url=image_url(sample.sample_id),
    )
