"""The review: one card at a time, answered by key or button; the page already has the next cards."""

import uuid
from asyncio import wrap_future
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import Field
from sqlalchemy.orm import Session

from app.accounts.hints import put_hints_away, sees_hints
from app.accounts.tokens import Person
from app.datasets.catalog import find_dataset, get_dataset, lock_dataset, ready_dataset
from app.datasets.missing import Lost, count_missing, mark
from app.datasets.models import Dataset
from app.db.engine import Database
from app.db.memory import remember
from app.deck import worklist
from app.deck.answer import Deck, look
from app.errors import Conflict, ToplossError
from app.review import claims, decisions, undoing
from app.review.checks import Answer
from app.review.log import RecentDecision
from app.review.recent import find_undone
from app.settings import Settings
from app.storage import RemoteSource
from app.web.api.samples import shared_source
from app.web.deps import Config, Db, Decides, SignedIn, signed_in, who_asks
from app.web.fast_path import ahead_of_fastapi
from app.web.filters import Ordered
from app.web.forms import SentForm, read_form
from app.web.pages.deck.deck import DeckPage, deck_html, deck_page
from app.web.rendering import is_fragment, page_context, render
from app.web.strict import NOTHING, Strict

router = APIRouter()

HELD = 6  # cards in the page: the shown one, and enough for a slow network
MOST_HELD = 60
SWEEPS = 5  # attempts per answer to replace cards without an image


class DeckForm(Strict):
    """What a script sends about the cards in its page; a plain form sends nothing."""

    hold: int = Field(HELD, ge=1, le=MOST_HELD)  # how many it wants
    have: str = Field("", max_length=2000, pattern=r"^(\d{1,9}( |$))*$")  # whose cards it has already
    ranking: str = Field("", max_length=50)  # that they are from
    viewer: str = ""  # whose page it is
    queue: str = Field("", max_length=5000)  # which cards it goes through, as an address's query

    @property
    def known(self) -> set[int]:
        """The samples in numbers."""
        return {int(number) for number in self.have.split()}

    @property
    def shown(self) -> int | None:
        """The sample whose card a person looks at: the first in `have`."""
        return int(self.have.split()[0]) if self.have else None

    @property
    def ordered(self) -> Ordered:
        """The queue. Raises Invalid."""
        return Ordered.parse(self.queue)


class DecisionForm(DeckForm):
    """A card's form as it is sent."""

    sample: int
    answer: str  # keep, delete, unsure or relabel:CLASS
    client_id: str
    run: int | None = None
    milliseconds: int | None = None
    alone: bool = False  # sent by the sample's own page: go back there, take no cards


class BackForm(DeckForm):
    """Undo and redo; with the same client id again it is the same one."""

    client_id: str = Field(default_factory=lambda: str(uuid.uuid4()), min_length=1, max_length=64)


class UndoAnswerForm(BackForm):
    """Undo of my last answer, or of this decision of mine."""

    decision: int | None = None


SentDeck = Annotated[DeckForm, Depends(SentForm(DeckForm))]
SentBack = Annotated[BackForm, Depends(SentForm(BackForm))]
SentUndo = Annotated[UndoAnswerForm, Depends(SentForm(UndoAnswerForm))]


@dataclass(frozen=True)
class Outcome:
    """What an action at the deck has done."""

    dataset_id: int
    _: KW_ONLY
    front: int | None = None  # the sample whose card comes first
    asked: bool = False  # for cards
    undone: RecentDecision | None = None
    redone: int | None = None
    back_to: int | None = None  # the sample whose own page sent the answer


class DeckQuery(Ordered):
    """Which cards, and which one first."""

    card: int | None = Field(None, exclude=True)
    asked: bool = Field(False, exclude=True)
    undone: int | None = Field(None, exclude=True)  # the decision that was just undone


@router.get("/d/{name}/review")
def show(
    request: Request, name: str, database: Db, user: Decides, query: Annotated[DeckQuery, Query()]
) -> Response:
    """The cards I hold; a card asked for by its number comes first."""
    form = DeckForm(queue=query.query())
    for _ in range(SWEEPS):
        with database.read() as session:
            dataset_id = find_dataset(session, name=name)
            undone = query.undone and find_undone(
                session, dataset_id=dataset_id, user_id=user.id, decision_id=query.undone
            )
            outcome = Outcome(dataset_id, front=query.card, asked=query.asked, undone=undone or None)
            deck = _look(session, user, form, outcome)
            lost = _lost_cards(session, deck, outcome)
            page = _page(
                request,
                name,
                form,
                outcome,
                deck,
                missing=count_missing(session, dataset_id=outcome.dataset_id),
                has_hints=sees_hints(session, user_id=user.id),
            )
        if not lost:
            break
        with database.write() as session:  # no card is shown without its image
            _drop(session, lost, outcome)
    return HTMLResponse(deck_html(page)) if is_fragment(request) else render("deck/page.html", page)


@router.post("/d/{name}/review/hints")
def put_away(name: str, database: Db, user: SignedIn, form: SentDeck) -> Response:
    """Never show the hints to this person again."""
    with database.write() as session:
        get_dataset(session, name=name)
        put_hints_away(session, user_id=user.id)
    query = form.ordered.query()
    return RedirectResponse(f"/d/{name}/review{'?' if query else ''}{query}", status_code=303)


@router.post("/d/{name}/review/claims")
async def claim(
    request: Request, name: str, database: Db, user: SignedIn, settings: Config, deck: SentDeck
) -> Response:
    """Claim cards."""
    _check_viewer(deck, user)

    def act(session: Session) -> Outcome:
        dataset = ready_dataset(session, name=name)
        _take(session, dataset.id, user, settings, deck)
        return Outcome(dataset.id, asked=True)

    return await _answer(request, database, name, deck, act)


async def decide(request: Request) -> Response:
    """Record an answer and take the next cards; every key press comes here."""
    name, database, settings = (
        request.path_params["name"],
        request.app.state.database,
        request.app.state.settings,
    )
    try:
        if request.scope["query_string"]:
            NOTHING.check(request.query_params.multi_items(), what="parameter")
        form = await read_form(request, DecisionForm)
    except (RequestValidationError, ToplossError):
        await signed_in(request, database, settings)  # this error comes first
        raise
    verdict, _, label = form.answer.partition(":")

    def act(session: Session) -> Outcome:
        user = request.state.user = who_asks(session, request, settings)
        _check_viewer(form, user)
        dataset_id = find_dataset(session, name=name)
        origin = "sample" if form.alone else form.ordered.queue.origin
        # Lock before the card is released: `take` needs the same lock, and other annotators wait for my card.
        # A lone answer shares its transaction with others, and a bulk action may want the same images.
        lock_dataset(session, dataset_id=dataset_id)
        decisions.decide(
            session,
            Answer(
                sample_id=form.sample,
                verdict=verdict,
                label=label or None,
                client_id=form.client_id,
                run_id=form.run,
                milliseconds=form.milliseconds,
                origin=origin,
            ),
            dataset_id=dataset_id,
            user_id=user.id,
        )
        if not form.alone:
            _take(session, dataset_id, user, settings, form)
        return Outcome(dataset_id, asked=True, back_to=form.sample if form.alone else None)

    return await _answer(request, database, name, form, act)


quick = (ahead_of_fastapi("/d/{name}/review/decisions", decide),)


@router.post("/d/{name}/review/undo")
async def undo(
    request: Request, name: str, database: Db, user: SignedIn, settings: Config, form: SentUndo
) -> Response:
    """Undo my last answer, or the one that the form names, and hold its card again."""
    _check_viewer(form, user)

    def act(session: Session) -> Outcome:
        dataset_id = find_dataset(session, name=name)
        mine = {"dataset_id": dataset_id, "user_id": user.id}
        lock_dataset(session, dataset_id=dataset_id)
        if form.ranking:  # by a script: a new ranking may have arrived
            _take(session, dataset_id, user, settings, form)
        undone = (
            undoing.undo_last(session, **mine, client_id=form.client_id)
            if form.decision is None
            else undoing.undo(session, **mine, decision_id=form.decision, client_id=form.client_id)
        )
        if undone is None:
            return Outcome(dataset_id)
        worklist.hold(session, **mine, sample_id=undone.sample_id, lease=_lease(settings))
        return Outcome(
            dataset_id, front=undone.sample_id, undone=find_undone(session, **mine, decision_id=undone.id)
        )

    return await _answer(request, database, name, form, act)


@router.post("/d/{name}/review/redo")
async def redo(
    request: Request, name: str, database: Db, user: SignedIn, settings: Config, form: SentBack
) -> Response:
    """Redo my last undone answer."""
    _check_viewer(form, user)

    def act(session: Session) -> Outcome:
        dataset_id = find_dataset(session, name=name)
        lock_dataset(session, dataset_id=dataset_id)
        again = undoing.redo_last(session, dataset_id=dataset_id, user_id=user.id, client_id=form.client_id)
        _take(session, dataset_id, user, settings, form)
        return Outcome(dataset_id, asked=True, redone=again.sample_id if again else None)

    return await _answer(request, database, name, form, act)


def _check_viewer(deck: DeckForm, user: Person) -> None:
    if deck.viewer and deck.viewer != user.name:
        raise Conflict(
            f"This card was shown to {deck.viewer}, and {user.name} is signed in now; reload the page."
        )


def _lease(settings: Settings) -> timedelta:
    return timedelta(minutes=settings.lease_minutes)


def _take(session: Session, dataset_id: int, user: Person, settings: Settings, form: DeckForm) -> None:
    worklist.take(
        session,
        dataset_id=dataset_id,
        user_id=user.id,
        count=form.hold,
        lease=_lease(settings),
        queue=form.ordered.queue,
        known_by=form.ranking,
        shown=form.shown,
    )


async def _answer(
    request: Request, database: Database, name: str, form: DeckForm, act: Callable[[Session], Outcome]
) -> Response:
    """Run `act` and answer after its commit: a script gets the inside of the page, a plain form a redirect.

    The same transaction reads what the answer shows. Many annotators' answers share it
    (`Database.write_in_group`).
    """
    fragment = is_fragment(request)

    def work(session: Session) -> tuple[Outcome, Deck | None]:
        outcome = act(session)
        if not fragment:
            return outcome, None
        deck = _look(session, request.state.user, form, outcome)
        for _ in range(SWEEPS):
            if not (lost := _lost_cards(session, deck, outcome)):
                break
            _drop(session, lost, outcome)
            if outcome.asked:
                _take(session, outcome.dataset_id, request.state.user, request.app.state.settings, form)
            deck = _look(session, request.state.user, form, outcome)
        return outcome, deck

    outcome, deck = await wrap_future(database.write_in_group(work))
    if deck:
        return HTMLResponse(deck_html(_page(request, name, form, outcome, deck)))
    query = (
        form.ordered.query(card=outcome.front, undone=outcome.undone.decision_id if outcome.undone else None)
        if outcome.front
        else form.ordered.query(asked=True if outcome.asked else None)
    )
    target = (
        f"/d/{name}/images/{outcome.back_to}"
        if outcome.back_to
        else f"/d/{name}/review{'?' if query else ''}{query}"
    )
    return RedirectResponse(target, status_code=303)


def _look(session: Session, user: Person, form: DeckForm, outcome: Outcome) -> Deck:
    """The cards that I hold, without those that the script has from the same ranking."""
    return look(
        session,
        dataset_id=outcome.dataset_id,
        user_id=user.id,
        known=form.known,
        known_by=form.ranking,
        queue=form.ordered.queue,
        front=outcome.front,
    )


def _lost_cards(session: Session, deck: Deck, outcome: Outcome) -> list[Lost]:
    """Cards whose files are missing.

    Only a folder or zip is checked; a bucket would slow down every key press.
    """
    origin = remember(
        session,
        (_lost_cards, outcome.dataset_id),
        lambda: session.get_one(Dataset, outcome.dataset_id).origin,
    )
    source = shared_source(origin)
    if isinstance(source, RemoteSource):
        return []
    try:
        lost = [
            Lost(card.sample_id, card.path, "missing")
            for card in deck.cards
            # one that was asked for is shown, whatever has become of it
            if card.sample_id != outcome.front and not source.has(card.path)
        ]
    except ToplossError:  # the source as a whole cannot be read
        return []
    return lost if lost and source.is_there() else []


def _drop(session: Session, lost: list[Lost], outcome: Outcome) -> None:
    mark(session, dataset_id=outcome.dataset_id, lost=lost)
    claims.release_cards(session, [each.sample_id for each in lost])


def _page(
    request: Request,
    name: str,
    form: DeckForm,
    outcome: Outcome,
    deck: Deck,
    *,
    missing: int = 0,
    has_hints: bool = False,
) -> DeckPage:
    return deck_page(
        page_context(request, name),
        deck,
        queue=form.ordered,
        is_idle=not deck.cards and not form.known,
        asked=outcome.asked,
        undone=outcome.undone,
        redone=outcome.redone,
        missing=missing,
        has_hints=has_hints,
    )
