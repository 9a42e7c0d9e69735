"""The review: one card at a time, answered by key or button; the next ones are in the page already."""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, Field

from app.accounts.models import User
from app.datasets.catalog import class_names, get_dataset, lock_dataset, ready_dataset
from app.datasets.gold import get_gold_part
from app.db import Database
from app.errors import Conflict
from app.review import decisions, worklist
from app.review.gold import GoldStanding, gold_standing
from app.review.grid import Order
from app.review.summary import ReviewProgress, review_progress
from app.settings import Settings
from app.training.runs import is_training
from app.web.deps import Config, Db, SignedIn
from app.web.filters import Ordered
from app.web.pages.cards import CardView, RecentView, card_views, recent_view
from app.web.rendering import Page, is_fragment, page_context, render

router = APIRouter()

HELD = 6  # cards in the page: the one shown, and enough to outrun a slow network
MOST_HELD = 60
ORDERS: dict[Order, str] = {
    "rank": "label quality",
    "loss": "loss",
    "margin": "margin",
    "disagreement": "disagreement of networks",
    "random": "random: an audit",
    "mixed": "mixed: a fifth random",
}
GOLD: dict[Order, str] = {"gold": "gold part, blind"}


class Deck(BaseModel):
    """What a script says of the cards in its page; a plain form says nothing."""

    hold: int = Field(HELD, ge=1, le=MOST_HELD)  # how many it wants
    have: str = Field("", max_length=2000, pattern=r"^(\d{1,9}( |$))*$")  # samples whose cards it has already
    ranking: str = Field("", max_length=50)  # that they are from
    viewer: str = ""  # whose page it is
    queue: str = Field("", max_length=5000)  # which cards it goes through, as an address's query

    @property
    def known(self) -> set[int]:
        """The samples in numbers."""
        return {int(number) for number in self.have.split()}


class DecisionForm(Deck):
    """A card's form as it is sent."""

    sample: int
    answer: str  # keep, delete, unsure or relabel:CLASS
    client_id: str
    run: int | None = None
    milliseconds: int | None = None
    alone: bool = False  # sent by the sample's own page: go back there, take no cards


class BackForm(Deck):
    """Undo and redo; with the same client id again it is the same one."""

    client_id: str = Field(default_factory=lambda: str(uuid.uuid4()), min_length=1, max_length=64)


@dataclass(frozen=True, kw_only=True)
class ReviewPage(Page):
    """The deck with everything around it."""

    cards: tuple[CardView, ...]
    is_idle: bool  # nothing to show: neither a card here nor one that the page has already
    queue: Ordered  # which cards, in which order
    orders: dict[Order, str]
    gold: GoldStanding | None  # where the queue is the gold part
    progress: ReviewProgress
    recent: tuple[RecentView, ...]
    run_id: int | None  # whose ranking is the current one
    ranking: str  # which of that run's
    training: bool  # a run waits or works
    asked: bool  # cards were just asked for, so an empty deck means that none is free
    undone: int | None  # the sample whose decision was just undone
    gone: tuple[int, ...]  # cards that the script has and that are not mine any more
    redone: int | None  # the sample whose undone decision was just made again


class DeckQuery(Ordered):
    """Which cards, and which one first."""

    card: int | None = Field(None, exclude=True)
    asked: bool = Field(False, exclude=True)


@router.get("/d/{name}/review")
def show(request: Request, name: str, database: Db, user: SignedIn, query: Annotated[DeckQuery, Query()]) -> Response:
    """The cards I hold; a card asked for by its number comes first."""
    return _answer(request, database, user, name, front=query.card, asked=query.asked, deck=Deck(queue=query.query()))


@router.post("/d/{name}/review/claims")
def claim(request: Request, name: str, database: Db, user: SignedIn, settings: Config, deck: Annotated[Deck, Form()]) -> Response:
    """Take cards into my hands."""
    _check_viewer(deck, user)
    with database.write() as session:
        dataset = ready_dataset(session, name=name)
        worklist.take(session, dataset_id=dataset.id, user_id=user.id, count=deck.hold, lease=_lease(settings),
                      queue=Ordered.parse(deck.queue).queue)  # fmt: skip
    return _answer(request, database, user, name, asked=True, deck=deck)


@router.post("/d/{name}/review/decisions")
def decide(
    request: Request, name: str, database: Db, user: SignedIn, settings: Config, form: Annotated[DecisionForm, Form()]
) -> Response:  # fmt: skip
    """Record an answer and take the next cards."""
    _check_viewer(form, user)
    verdict, _, label = form.answer.partition(":")
    queue = Ordered.parse(form.queue).queue
    origin = "sample" if form.alone else queue.origin
    with database.write() as session:
        dataset = get_dataset(session, name=name)
        if not form.alone:
            lock_dataset(session, dataset_id=dataset.id)  # before the card is given back: `take` wants it, and others my card
        decisions.decide(session, dataset_id=dataset.id, user_id=user.id, sample_id=form.sample, verdict=verdict, label=label or None,
                         client_id=form.client_id, run_id=form.run, milliseconds=form.milliseconds, origin=origin)  # fmt: skip
        if not form.alone:
            worklist.take(session, dataset_id=dataset.id, user_id=user.id, count=form.hold, lease=_lease(settings),
                      queue=Ordered.parse(form.queue).queue)  # fmt: skip
    return _answer(request, database, user, name, asked=True, back_to=form.sample if form.alone else None, deck=form)


@router.post("/d/{name}/review/undo")
def undo(request: Request, name: str, database: Db, user: SignedIn, settings: Config, form: Annotated[BackForm, Form()]) -> Response:
    """Take my last answer back; its card is in my hands again."""
    _check_viewer(form, user)
    with database.write() as session:
        dataset = get_dataset(session, name=name)
        undone = decisions.undo_last(session, dataset_id=dataset.id, user_id=user.id, client_id=form.client_id)
        sample_id = undone.sample_id if undone else None
        if sample_id is not None:
            worklist.hold(session, dataset_id=dataset.id, user_id=user.id, sample_id=sample_id, lease=_lease(settings))
    return _answer(request, database, user, name, front=sample_id, undone=sample_id, deck=form)


@router.post("/d/{name}/review/redo")
def redo(request: Request, name: str, database: Db, user: SignedIn, settings: Config, form: Annotated[BackForm, Form()]) -> Response:
    """Give my last undone answer again."""
    _check_viewer(form, user)
    with database.write() as session:
        dataset = get_dataset(session, name=name)
        lock_dataset(session, dataset_id=dataset.id)
        again = decisions.redo_last(session, dataset_id=dataset.id, user_id=user.id, client_id=form.client_id)
        worklist.take(session, dataset_id=dataset.id, user_id=user.id, count=form.hold, lease=_lease(settings),
                      queue=Ordered.parse(form.queue).queue)  # fmt: skip
    return _answer(request, database, user, name, asked=True, redone=again.sample_id if again else None, deck=form)


def _check_viewer(deck: Deck, user: User) -> None:
    if deck.viewer and deck.viewer != user.name:
        raise Conflict(f"This card was shown to {deck.viewer}, and {user.name} is signed in now; reload the page.")


def _lease(settings: Settings) -> timedelta:
    return timedelta(minutes=settings.lease_minutes)


def _answer(
    request: Request, database: Database, user: User, name: str, *, front: int | None = None, asked: bool = False,
    undone: int | None = None, redone: int | None = None, back_to: int | None = None, deck: Deck | None = None,
) -> Response:  # fmt: skip
    """The review as it stands: the whole page, its inside for a script, or the way there after a form.

    Of the cards that I hold those are left out that the script has already, unless it has them from another ranking.
    """
    fragment, deck = is_fragment(request), deck or Deck()
    queue = Ordered.parse(deck.queue)
    if request.method == "POST" and not fragment:
        query = "&".join(part for part in (queue.query(), f"card={front}" if front else "asked=true" if asked else "") if part)
        target = f"/d/{name}/samples/{back_to}" if back_to else f"/d/{name}/review{'?' if query else ''}{query}"
        return RedirectResponse(target, status_code=303)
    with database.read() as session:
        dataset = get_dataset(session, name=name)
        claimed = worklist.my_cards(session, dataset_id=dataset.id, user_id=user.id, known=deck.known, known_by=deck.ranking,
                                    queue=queue.queue)  # fmt: skip
        cards = claimed.cards
        if front is not None:
            cards = (
                worklist.get_card(session, dataset_id=dataset.id, sample_id=front, blind_for=user.id),
                *(c for c in cards if c.sample_id != front),
            )
        has_gold = get_gold_part(session, dataset_id=dataset.id) is not None
        page = ReviewPage(
            **page_context(request, name),
            cards=card_views(cards, names=class_names(session, dataset_id=dataset.id)), is_idle=not cards and not deck.known,
            queue=queue, orders=ORDERS | GOLD if has_gold else ORDERS,
            gold=gold_standing(session, dataset_id=dataset.id, user_id=user.id) if queue.queue.is_gold else None,
            progress=review_progress(session, dataset_id=dataset.id, user_id=user.id),
            recent=tuple(recent_view(each) for each in decisions.recent(session, dataset_id=dataset.id, user_id=user.id)),
            run_id=claimed.run_id, ranking=claimed.ranking, gone=claimed.gone, training=is_training(session, dataset_id=dataset.id),
            asked=asked, undone=undone, redone=redone,
        )  # fmt: skip
    return render(request, "review/_review.html" if fragment else "review/page.html", page)
