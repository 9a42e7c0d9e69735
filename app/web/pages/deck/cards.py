"""Cards as the review shows them: the keys and the words."""

import uuid
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from markupsafe import Markup

from app.datasets.pictures import SIDES
from app.deck.reasons import first_reason
from app.deck.worklist import Card
from app.review.log import RecentDecision
from app.web.fast_path import placeholder, render_fragment
from app.web.rendering import Viewer, percent

TINY = 64  # pixels a side; smaller images are enlarged so much that smoothing blurs them
KEYS = "1234567890"


@dataclass(frozen=True)
class AnswerButton:
    """A class as a button: the key's name, the name that the script listens for, what the model gives it."""

    name: str
    key: str
    code: str
    share: str  # in percent, of the bar's width
    percent: str
    is_given: bool
    is_predicted: bool
    position: int  # of the class in the data set: its colour


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
    blind: bool  # only the image and the classes; all other fields are empty
    gold: bool  # blind, because it is of the gold part; if not, it is a second look
    given: str
    predicted: str | None
    confidence: str
    reason: str
    said: str  # the same for a screen reader
    choices: tuple[AnswerButton, ...]
    run_id: int | None
    client_id: str
    verdict: str | None
    label: str | None
    skip: str  # the query that Skip leads to without JavaScript
    mine: int | None = None  # the viewer's own decision that stands
    given_position: int | None = None  # of the class in the data set; None: it takes no answers, or is hidden
    predicted_position: int | None = None


@dataclass(frozen=True)
class CardsPlace:
    """Where cards are shown."""

    dataset: str
    viewer: Viewer
    query: str  # the queue, as an address's query says it
    positions: tuple[int, ...]  # of the classes that take answers, in the data set


@dataclass(frozen=True)
class CardPart(CardsPlace):
    """One card of the deck."""

    card: CardView
    hidden: bool


@dataclass(frozen=True)
class RecentPart:
    """A decision in the strip of the last ten."""

    dataset: str
    query: str  # of the review with its card
    sample_id: str
    path: str
    words: str


def cards_html(cards: tuple[Card, ...], *, names: tuple[str, ...], place: CardsPlace) -> tuple[Markup, ...]:
    """The deck, each card knowing the one that Skip leads to; all but the first are hidden."""
    following = (*cards[1:], *cards[:1])
    return tuple(
        card_html(
            card, names=names, place=place, skip=with_card(place.query, after.sample_id), hidden=number > 0
        )
        for number, (card, after) in enumerate(zip(cards, following, strict=True))
    )


def card_html(card: Card, *, names: tuple[str, ...], place: CardsPlace, skip: str, hidden: bool) -> Markup:
    """A card of the deck, with a client id of its own."""
    safe: dict[str, object] = {
        "sample_id": card.sample_id,
        "width": card.width,
        "height": card.height,
        "client_id": str(uuid.uuid4()),
    }
    if card.mine is not None:
        safe["mine"] = card.mine
    values = {"skip": skip, "viewer": place.viewer.name}
    if not card.blind:
        values |= {"path": card.path, "reason": first_reason(card), "said": _said(card)}
        safe["confidence"] = percent(card.confidence, 0)
        for number, probability in enumerate(_probabilities(card, names)):
            safe[f"share{number}"], safe[f"percent{number}"] = (
                f"{100 * (probability or 0):.1f}",
                percent(probability, 0),
            )
    # Every other value that the template branches on.
    shape = (
        place.dataset,
        place.query,
        hidden,
        names,
        place.positions,
        card.given_label,
        card.predicted_label,
        card.split,
        card.run_id,
        card.verdict,
        card.label,
        card.mine is None,
        card.blind,
        card.gold,
        _is_tiny(card),
        _is_shrunk(card),
    )

    def make_page() -> CardPart:
        view = card_view(card, names=names, positions=place.positions)
        choices = tuple(
            replace(choice, share=placeholder(f"share{number}"), percent=placeholder(f"percent{number}"))
            for number, choice in enumerate(view.choices)
        )
        placeholders: dict[str, Any] = {
            name: placeholder(name) for name in values | safe if name in CardView.__dataclass_fields__
        }
        viewer = replace(place.viewer, name=placeholder("viewer"))
        view = replace(view, choices=choices, **placeholders)
        return CardPart(place.dataset, viewer, place.query, place.positions, view, hidden)

    return render_fragment("deck/_card.html", shape, make_page, values, safe=safe)


def card_view(card: Card, *, names: tuple[str, ...], positions: tuple[int, ...]) -> CardView:
    """One card for a page; `names` are the classes that take answers, `positions` theirs in the data set."""
    if card.blind:
        return _blind_view(card, names)
    place_of = dict(zip(names, positions, strict=True))
    return CardView(
        sample_id=card.sample_id,
        path=card.path,
        split=card.split,
        width=card.width,
        height=card.height,
        tiny=_is_tiny(card),
        shrunk=_is_shrunk(card),
        blind=False,
        gold=False,
        given=card.given_label,
        predicted=card.predicted_label,
        confidence=percent(card.confidence, 0),
        reason=first_reason(card),
        said=_said(card),
        choices=_choices(card, place_of),
        run_id=card.run_id,
        client_id=str(uuid.uuid4()),
        verdict=card.verdict,
        label=card.label,
        skip="",
        mine=card.mine,
        given_position=place_of.get(card.given_label),
        predicted_position=place_of.get(card.predicted_label or ""),
    )


def _blind_view(card: Card, names: tuple[str, ...]) -> CardView:
    choices = tuple(
        AnswerButton(name, *_key(place), "", "", is_given=False, is_predicted=False, position=place)
        for place, name in enumerate(names)
    )
    said = "Checked test set: which class is it?" if card.gold else "A second look: which class is it?"
    return CardView(
        sample_id=card.sample_id,
        path="",
        split="",
        width=card.width,
        height=card.height,
        tiny=_is_tiny(card),
        shrunk=_is_shrunk(card),
        blind=True,
        gold=card.gold,
        given="",
        predicted=None,
        confidence="",
        reason="",
        said=said,
        choices=choices,
        run_id=None,
        client_id=str(uuid.uuid4()),
        verdict=None,
        label=None,
        skip="",
    )


def _said(card: Card) -> str:
    model = (
        f" The model says {card.predicted_label}, {percent(card.confidence, 0)}."
        if card.predicted_label
        else ""
    )
    return f"Given label {card.given_label}.{model}"


def _is_tiny(card: Card) -> bool:
    return max(card.width, card.height) <= TINY


def _is_shrunk(card: Card) -> bool:
    return max(card.width, card.height) > SIDES["display"]


def _probabilities(card: Card, names: tuple[str, ...]) -> list[float | None]:
    known = dict(card.probabilities)  # of the network's classes; some are new, some take no answers any more
    return [known.get(name) for name in names]


def _choices(card: Card, place_of: dict[str, int]) -> tuple[AnswerButton, ...]:
    shares = _probabilities(card, tuple(place_of))
    return tuple(
        AnswerButton(
            name,
            *_key(place),
            f"{100 * (p or 0):.1f}",
            percent(p, 0),
            name == card.given_label,
            name == card.predicted_label,
            place_of[name],
        )
        for place, (name, p) in enumerate(zip(place_of, shares, strict=True))
    )


def _key(place: int) -> tuple[str, str]:
    """The fixed key of the class at this position: 1-9 and 0, then the same with Shift, then no key."""
    if place < len(KEYS):
        return KEYS[place], KEYS[place]
    if place < 2 * len(KEYS):
        return f"⇧{KEYS[place - 10]}", f"s{KEYS[place - 10]}"
    return "", ""


@lru_cache(maxsize=10_000)  # each is shown ten times
def recent_html(decision: RecentDecision, dataset: str, query: str) -> Markup:
    """A decision for the strip of the last ten; of a blind one only the answer is shown."""
    part = recent_part(decision, dataset, query)
    values = {name: getattr(part, name) for name in ("query", "sample_id", "path", "words")}
    return render_fragment(
        "deck/_recent.html",
        dataset,
        lambda: RecentPart(dataset, **{name: placeholder(name) for name in values}),
        values,
    )


def recent_part(decision: RecentDecision, dataset: str, query: str) -> RecentPart:
    """A decision as text; `query` is that of the review, without a card."""
    path, words = decision.path, verdict_words(decision.verdict, decision.label)
    if decision.blind:
        label = decision.given_label if decision.verdict == "keep" else decision.label
        path, words = (
            "Of the checked test set" if decision.gold else "A second look",
            verdict_words("relabel" if label else decision.verdict, label),
        )
    return RecentPart(dataset, with_card(query, decision.sample_id), str(decision.sample_id), path, words)


def with_card(query: str, sample_id: int) -> str:
    """The review's query with the card that comes first."""
    return f"{query}&card={sample_id}" if query else f"card={sample_id}"


def verdict_words(verdict: str, label: str | None) -> str:
    """An answer as text for a list of answers."""
    return {"keep": "kept", "delete": "deleted", "relabel": f"→ {label}"}.get(verdict, verdict)
