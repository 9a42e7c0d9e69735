"""The deck on the review page and in the answers that update it."""

from dataclasses import dataclass, replace
from typing import Any

from markupsafe import Markup

from app.deck.answer import Deck
from app.deck.filters import Order
from app.deck.progress import ReviewProgress
from app.deck.queues import RandomLook
from app.deck.selection import SelectionProgress
from app.review.gold import GoldStanding
from app.review.log import RecentDecision
from app.training.progress import RunProgress
from app.web.fast_path import placeholder, render_fragment
from app.web.filters import Ordered
from app.web.pages.deck.cards import CardsPlace, RecentPart, cards_html, recent_html, recent_part
from app.web.rendering import Page, count, environment, percent

TEMPLATE = "deck/_review.html"
ORDERS: dict[Order, str] = {
    "rank": "label quality",
    "loss": "loss",
    "margin": "margin",
    "disagreement": "disagreement of models",
    "random": "random: an audit",
    "mixed": "mixed: a fifth random",
}
GOLD: dict[Order, str] = {"gold": "checked test set, blind"}


@dataclass(frozen=True)
class ProgressLine:
    """The progress of the review, formatted for the page."""

    decided: str  # of the suspicious labels, or of what the queue selects
    issues: str  # at least 1: the end of a meter
    reviewed: str
    left: str
    found: str
    found_what: str  # in the number of `found`
    hit_rate: str
    pace: str
    remaining: str  # of the whole review, as its tab counts them; empty where none are


@dataclass(frozen=True, kw_only=True)
class DeckPage(Page):
    """The deck with everything around it."""

    cards: tuple[Markup, ...]
    is_idle: bool  # nothing to show: neither a card here nor one that the page has already
    queue: Ordered  # which cards, in which order
    orders: dict[Order, str]
    gold: GoldStanding | None  # where the queue is the gold part
    random_look: RandomLook | None  # the newest audit, where nothing of its queue is left for this person
    is_selection: bool  # the line counts what the queue selects, not the whole review
    ranked: int  # images with a place in the current ranking
    progress: ReviewProgress
    line: ProgressLine
    recent: Markup
    run_id: int | None  # whose ranking is the current one
    model: str  # the name of its model; empty: none
    ranking: str  # which of that run's
    will_rank: bool  # a run is queued or running
    asked: bool  # cards were just claimed, so an empty deck means that none is free
    undone: RecentPart | None  # the decision that was just undone
    gone: tuple[int, ...]  # cards that the script has and that are not mine any more
    redone: int | None  # the sample whose undone decision was just made again
    missing: int  # images that no card is made of, because their files are missing or changed
    has_hints: bool  # the person sees the deck for the first time
    training: RunProgress | None  # what runs or waits, where the person has no card
    is_imported: bool  # where nothing is ranked: whether the import has finished


def deck_page(
    context: dict[str, Any],
    deck: Deck,
    *,
    queue: Ordered,
    is_idle: bool,
    asked: bool,
    undone: RecentDecision | None,
    redone: int | None,
    missing: int = 0,
    has_hints: bool = False,
) -> DeckPage:
    """What is shown of a deck; the context is that of every page."""
    place = CardsPlace(context["dataset"], context["viewer"], queue.query(), deck.class_positions)
    return DeckPage(
        **context,
        cards=cards_html(deck.cards, names=deck.class_names, place=place),
        is_idle=is_idle,
        queue=queue,
        orders=ORDERS | GOLD if deck.has_gold else ORDERS,
        gold=deck.gold,
        random_look=deck.random_look,
        is_selection=deck.selection is not None,
        ranked=deck.ranked,
        progress=deck.progress,
        line=_line(deck.progress, deck.selection),
        recent=_joined("", [recent_html(each, place.dataset, place.query) for each in deck.recent]),
        run_id=deck.run_id,
        model=deck.model,
        ranking=deck.ranking,
        gone=deck.gone,
        will_rank=deck.will_rank,
        training=deck.training,
        is_imported=deck.is_imported,
        has_hints=has_hints and not queue.queue.is_gold,
        asked=asked,
        undone=_undone_part(undone, place) if undone else None,
        redone=redone,
        missing=missing,
    )


def deck_html(page: DeckPage) -> Markup:
    """The inside of the page. A deck with cards, as after nearly every answer, is a compiled fragment."""
    if page.is_idle or page.gold or page.undone or page.redone:
        return Markup(environment().get_template(TEMPLATE).render(page=page))  # noqa: S704 - a template's
    values = {"ranking": page.ranking, "viewer": page.viewer.name if page.viewer else ""}
    safe = vars(page.line) | {
        "cards": "\n".join(page.cards),
        "recent": page.recent,
        "gone": " ".join(map(str, page.gone)),
        "run": page.run_id or "",
        "model": page.model,
    }

    def make_page() -> DeckPage:
        placeholders: dict[str, Any] = {
            "cards": page.cards and (Markup(placeholder("cards")),),  # noqa: S704 - a placeholder
            "recent": page.recent and Markup(placeholder("recent")),  # noqa: S704
            "gone": page.gone and (placeholder("gone"),),
            "run_id": placeholder("run"),
            "model": placeholder("model"),
            "ranking": placeholder("ranking"),
            "viewer": page.viewer and replace(page.viewer, name=placeholder("viewer")),
            "line": ProgressLine(*map(placeholder, ProgressLine.__dataclass_fields__)),
        }
        return replace(page, **placeholders)

    parts = (bool(page.cards), bool(page.gone), bool(page.recent), page.is_selection)
    shape = (page.dataset, page.queue.query(), *parts)
    return render_fragment(TEMPLATE, shape, make_page, values, safe=safe)


def _undone_part(undone: RecentDecision, place: CardsPlace) -> RecentPart:
    part = recent_part(undone, place.dataset, place.query)
    if undone.blind or undone.gold:
        return replace(part, path="an image without its name")
    return replace(part, words=f"kept as {undone.given_label}") if undone.verdict == "keep" else part


def _line(progress: ReviewProgress, selection: SelectionProgress | None) -> ProgressLine:
    counted = selection or SelectionProgress(progress.reviewed, progress.remaining, progress.found)
    every = selection.reviewed + selection.left if selection else progress.label_issues
    return ProgressLine(
        decided=str(max(0, every - counted.left)),
        issues=str(max(every, 1)),
        reviewed=count(counted.reviewed),
        left=count(counted.left),
        found=count(counted.found),
        found_what="error found" if counted.found == 1 else "errors found",
        hit_rate=percent(progress.hit_rate, 0),
        remaining=count(progress.remaining) if progress.remaining else "",
        pace="–" if progress.seconds_per_decision is None else f"{progress.seconds_per_decision:.1f} s",
    )


def _joined(between: str, parts: list[Markup] | tuple[Markup, ...]) -> Markup:
    return Markup(between.join(parts))  # noqa: S704 - of markup
