"""Cards as the review shows them: the keys and the words."""

import uuid
from dataclasses import dataclass

from app.datasets.pictures import SIDES
from app.review.decisions import RecentDecision
from app.review.reasons import first_reason
from app.review.worklist import Card
from app.web.rendering import percent

TINY = 64  # pixels a side; smaller images are enlarged so much that smoothing blurs them
KEYS = "1234567890"


@dataclass(frozen=True)
class Choice:
    """A class as a button: the key's name, the name that the script listens for, what the model gives it."""

    name: str
    key: str
    code: str
    probability: float | None
    is_given: bool
    is_predicted: bool


@dataclass(frozen=True)
class CardView:
    """A card as the page shows it."""

    sample_id: int
    path: str
    split: str
    width: int
    height: int
    tiny: bool
    shrunk: bool  # shown smaller than it is; zooming in fetches the original
    blind: bool  # only the image and the classes; what would tell more is left empty
    gold: bool  # blind, because it is of the gold part; if not, it is a second look
    given: str
    predicted: str | None
    confidence: float | None
    reason: str
    said: str  # the same for a screen reader
    choices: tuple[Choice, ...]
    run_id: int | None
    client_id: str
    verdict: str | None
    label: str | None
    next_id: int | None  # where Skip leads without JavaScript


@dataclass(frozen=True)
class RecentView:
    """A decision in the strip of the last ten."""

    sample_id: int
    path: str
    words: str


def card_views(cards: tuple[Card, ...], *, names: list[str]) -> tuple[CardView, ...]:
    """Cards for the page, each knowing the one that Skip leads to."""
    following = (*cards[1:], *cards[:1])
    return tuple(card_view(card, names=names, next_id=after.sample_id) for card, after in zip(cards, following, strict=True))


def card_view(card: Card, *, names: list[str], next_id: int | None = None) -> CardView:
    """One card for the page, with a client id of its own."""
    if card.blind:
        return _blind_view(card, names, next_id)
    said = f"Given label {card.given_label}." + (
        f" The model says {card.predicted_label}, {percent(card.confidence, 0)}." if card.predicted_label else ""
    )
    return CardView(
        sample_id=card.sample_id, path=card.path, split=card.split, width=card.width, height=card.height,
        tiny=max(card.width, card.height) <= TINY, shrunk=max(card.width, card.height) > SIDES["display"], blind=False, gold=False,
        given=card.given_label, predicted=card.predicted_label, confidence=card.confidence,
        reason=first_reason(card), said=said, choices=_choices(card, names), run_id=card.run_id, client_id=str(uuid.uuid4()),
        verdict=card.verdict, label=card.label, next_id=next_id,
    )  # fmt: skip


def _blind_view(card: Card, names: list[str], next_id: int | None) -> CardView:
    choices = tuple(Choice(name, *_key(place), None, is_given=False, is_predicted=False) for place, name in enumerate(names))
    said = "Gold part: which class is it?" if card.gold else "A second look: which class is it?"
    return CardView(
        sample_id=card.sample_id, path="", split="", width=card.width, height=card.height, tiny=max(card.width, card.height) <= TINY,
        shrunk=max(card.width, card.height) > SIDES["display"], blind=True, gold=card.gold, given="", predicted=None, confidence=None,
        reason="", said=said, choices=choices, run_id=None, client_id=str(uuid.uuid4()), verdict=None, label=None, next_id=next_id,
    )  # fmt: skip


def _choices(card: Card, names: list[str]) -> tuple[Choice, ...]:
    probability = dict(card.probabilities)
    return tuple(
        Choice(name, *_key(place), probability.get(name), name == card.given_label, name == card.predicted_label)
        for place, name in enumerate(names)
    )


def _key(place: int) -> tuple[str, str]:
    """The fixed key of the class at this position: 1-9 0, then the same with Shift, then none."""
    if place < len(KEYS):
        return KEYS[place], KEYS[place]
    if place < 2 * len(KEYS):
        return f"⇧{KEYS[place - 10]}", f"s{KEYS[place - 10]}"
    return "", ""


def recent_view(decision: RecentDecision) -> RecentView:
    """A decision for the strip of the last ten; of a blind one nothing is said but the answer."""
    if decision.blind:
        label = decision.given_label if decision.verdict == "keep" else decision.label
        return RecentView(
            decision.sample_id,
            "Of the gold part" if decision.gold else "A second look",
            verdict_words("relabel" if label else decision.verdict, label),
        )
    return RecentView(decision.sample_id, decision.path, verdict_words(decision.verdict, decision.label))


def verdict_words(verdict: str, label: str | None) -> str:
    """An answer as a list of answers says it."""
    return {"keep": "kept", "delete": "deleted", "relabel": f"→ {label}"}.get(verdict, verdict)
