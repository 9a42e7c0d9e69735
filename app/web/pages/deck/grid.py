"""The grid: many samples on a page, one verdict for all marked ones, and one undo for it."""

import uuid
from dataclasses import asdict, dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import Field
from sqlalchemy.orm import Session

from app.accounts.tokens import Person
from app.accounts.users import list_users
from app.datasets.catalog import Classes, class_names, class_position, classes_of, get_dataset, ready_dataset
from app.datasets.problems import Kind
from app.db.engine import Database
from app.deck.bulk import Done, PastAction, decide_many, past_actions, undo_many
from app.deck.filters import SPLITS, Filter, Grid, Order, StateFilter, look
from app.deck.left_alone import LeftAlone
from app.deck.reasons import first_reason
from app.web.asking import ASK_FROM, Question, confirm
from app.web.deps import Db, SignedIn
from app.web.filters import MOST_KB, Ordered
from app.web.pages.deck.cards import KEYS
from app.web.rendering import Page, count, page_context, plural, render
from app.web.strict import Strict
from app.web.toasts import Undo, say

router = APIRouter()

SIZES = (24, 48, 96)
MOST_SHOWN = 100
MOST_BUTTONS = 10  # classes; more of them are picked from a list
STATES: dict[StateFilter, str] = {
    "": "any",
    "issues": "suspicious labels",
    "open": "suspicious, not reviewed",
    "unreviewed": "not reviewed",
    "reviewed": "reviewed",
    "waiting": "waiting for a second opinion",
    "bulk": "decided only in bulk",
}
PROBLEMS: dict[Kind, str] = {
    "dark": "dark",
    "bright": "bright",
    "blank": "blank",
    "blurry": "blurry",
    "odd_shape": "odd shape",
    "odd_size": "odd size",
    "off_topic": "off-topic",
    "leak": "in training and held out",
}
FILTERS: dict[str, tuple[str, object]] = {  # fields of a view: their names for people, and what sets none
    "label": ("Class now", ""),
    "given": ("Given label", ""),
    "predicted": ("The model says", ""),
    "state": ("State", ""),
    "verdict": ("Verdict", ""),
    "annotator": ("Decided by", ""),
    "split": ("Split", ""),
    "problem": ("Image problem", ""),
    "text": ("Path has", ""),
    "duplicates": ("Duplicates with different labels", False),
    "min_kb": ("kB, at least", None),
    "max_kb": ("kB, at most", None),
    "within": ("Selected on the map", ""),
}
VERDICTS = {"": "any", "keep": "kept", "relabel": "relabelled", "delete": "deleted", "unsure": "unsure"}
ORDERS: dict[Order, str] = {
    "rank": "label quality",
    "loss": "loss",
    "margin": "margin",
    "disagreement": "disagreement of models",
    "random": "random",
    "path": "path",
}


PICTURES = ("small", "medium", "large")
LETTERS_IN_A_ROW = 60  # of class names whose buttons fit into the bar beside the other verdicts


class View(Ordered):
    """The samples that the grid shows, from the URL's query. Missing fields do not restrict them."""

    pictures: Literal["small", "medium", "large"] = "medium"
    size: int = Field(48, ge=12, le=MOST_SHOWN)
    page: int = Field(1, ge=1, le=1_000_000)
    left: int = Field(0, exclude=True)  # samples that the action just done has left alone
    # Of these by the reason; for the others somebody looked at them alone.
    left_gold: int = Field(0, ge=0, exclude=True)
    left_lost: int = Field(0, ge=0, exclude=True)
    left_unpredicted: int = Field(0, ge=0, exclude=True)
    left_untold: bool = Field(False, exclude=True)  # the reasons are not known: the action was done before

    @property
    def why_left(self) -> str:
        """The reasons with their numbers; empty where they are not known."""
        others = (self.left_gold, self.left_lost, self.left_unpredicted)
        is_known = not self.left_untold and sum(others) <= self.left
        return LeftAlone(self.left - sum(others), *others).words if is_known else ""

    def queue_query(self) -> str:
        """Filter and order as the query of another address."""
        plain = self.model_dump(by_alias=True, include=set(Ordered.model_fields))
        return Ordered.model_validate(plain).query()

    @property
    def is_narrow(self) -> bool:
        """Whether one of the filters is set that are seldom used."""
        sizes = (self.min_kb is not None, self.max_kb is not None)
        marks = (self.duplicates, self.problem)
        return any((self.given, self.verdict, self.annotator, self.split, self.text, *marks, *sizes))


class MarkedForm(Strict):
    """The marked samples and the answer about them."""

    # keep, accept, delete, relabel:CLASS, relabel (with `label`), or rest: unmarked labels are right
    answer: str
    label: str = ""
    samples: list[int] = Field(default=[], max_length=200)
    shown: list[int] = Field(default=[], max_length=200)
    everything: bool = False  # all that match, not only what is marked
    matching: int = 0  # how many that were when the page was made
    expected: int | None = None  # how many are marked, as far as a script has counted them
    confirmed: str = Field("", max_length=64)
    selection: str = Field("", max_length=5000)  # the view's query
    client_id: str = Field(min_length=1, max_length=64)


class UndoForm(Strict):
    """An action that can be undone."""

    action: int
    selection: str = Field("", max_length=5000)
    client_id: str = Field(min_length=1, max_length=64)
    confirmed: str = Field("", max_length=64)


@dataclass(frozen=True)
class ClassButton:
    """A class as a button."""

    name: str
    key: str
    position: int  # of the class in the data set: its colour


@dataclass(frozen=True)
class Chip:
    """A filter that is set, and the query of the page without it."""

    words: str
    value: str
    without: str


@dataclass(frozen=True, kw_only=True)
class GridPage(Page):
    """The samples that match, a page of them."""

    view: View
    grid: Grid
    number: int  # of the page, from 1
    pages: int
    selection: str
    queue: str  # the same without what is the grid's own
    before: str | None  # queries of the pages around
    after: str | None
    chips: tuple[Chip, ...]
    reasons: dict[int, str]  # of the samples, as their cards say them
    places: dict[str, int]  # positions of the classes: their colours
    classes: tuple[ClassButton, ...]
    annotators: tuple[str, ...]
    past: tuple[PastAction, ...]
    undoable: int | None  # the action that Z undoes
    client_id: str

    splits = SPLITS
    states = STATES
    verdicts = VERDICTS
    problems = PROBLEMS
    orders = ORDERS
    sizes = SIZES
    most_kb = MOST_KB
    most_buttons = MOST_BUTTONS
    pictures = PICTURES

    @property
    def has_buttons(self) -> bool:
        """Whether the bar has a button per class; else a list of classes."""
        letters = sum(len(each.name) + 3 for each in self.classes)
        return len(self.classes) <= MOST_BUTTONS and letters <= LETTERS_IN_A_ROW


@router.get("/d/{name}/images")
def show(
    request: Request, name: str, database: Db, user: SignedIn, view: Annotated[View, Query()]
) -> Response:
    """Samples by any filter."""
    with database.read() as session:
        dataset = get_dataset(session, name=name)
        view = _as_spelt(session, dataset.id, view)
        grid, view = _look(session, dataset.id, view)
        past = tuple(past_actions(session, dataset_id=dataset.id, user_id=user.id, limit=3))
        page = GridPage(
            **page_context(request, name),
            view=view,
            grid=grid,
            pages=_pages(grid, view),
            number=view.page,
            selection=view.query(),
            queue=view.queue_query(),
            before=view.query(page=view.page - 1) if view.page > 1 else None,
            after=view.query(page=view.page + 1) if view.page < _pages(grid, view) else None,
            chips=_chips(view),
            reasons={tile.sample_id: first_reason(tile) for tile in grid.tiles},
            places={each: i for i, each in enumerate(class_names(session, dataset_id=dataset.id))},
            classes=_choices(classes_of(session, dataset_id=dataset.id)),
            annotators=tuple(each.name for each in list_users(session)),
            past=past,
            undoable=next((action.action_id for action in past if not action.undone), None),
            client_id=str(uuid.uuid4()),
        )
    return render("deck/grid.html", page)


@router.post("/d/{name}/images/verdicts")
def decide(
    request: Request, name: str, database: Db, user: SignedIn, form: Annotated[MarkedForm, Form()]
) -> Response:
    """Give everything that is marked one verdict."""
    view = View.parse(form.selection)
    said, _, named = form.answer.partition(":")
    verdict, label = "keep" if said == "rest" else said, (named or form.label) if said == "relabel" else None
    marked = _marked(view, form)
    with database.write() as session:
        dataset = ready_dataset(session, name=name)
        many = _expected(form, marked)
        done = decide_many(
            session,
            dataset_id=dataset.id,
            user_id=user.id,
            samples=marked,
            expected=many,
            verdict=verdict,
            label=label,
            client_id=form.client_id,
            selection=form.selection,
        )
        if many >= ASK_FROM and done.why is not None:  # otherwise it was confirmed before
            confirm(question(done, _address(name, view)), form.confirmed)
    return say_done(request, _back(name, view, done), done, f"/d/{name}/images/undo", form.selection)


@router.post("/d/{name}/images/undo")
def undo(
    request: Request, name: str, database: Db, user: SignedIn, form: Annotated[UndoForm, Form()]
) -> Response:
    """Undo all of an action."""
    view = View.parse(form.selection)
    words = undo_all(database, name, user, form, back=_address(name, view))
    return say(request, _back(name, view), words)


def _as_spelt(session: Session, dataset_id: int, view: View) -> View:
    """The view with the names of classes as the data set spells them, for its lists to show.

    Raises Invalid.
    """
    names = class_names(session, dataset_id=dataset_id)
    said = {"label": view.label, "given": view.given, "predicted": view.predicted}
    own = {
        field: names[class_position(session, dataset_id=dataset_id, name=name)]
        for field, name in said.items()
        if name and name not in names
    }
    return view.model_copy(update=own) if own else view


def _look(session: Session, dataset_id: int, view: View) -> tuple[Grid, View]:
    """The page of the view; its last page if it has fewer pages by now."""
    grid = look(
        session,
        dataset_id=dataset_id,
        which=view.which,
        order=view.order,
        limit=view.size,
        offset=(view.page - 1) * view.size,
    )
    if grid.tiles or view.page == 1:
        return grid, view
    return _look(session, dataset_id, view.model_copy(update={"page": _pages(grid, view)}))


def _pages(grid: Grid, view: View) -> int:
    return max(1, -(-grid.matching // view.size))


def _marked(view: View, form: MarkedForm) -> list[int] | Filter:
    """The samples that an answer is about."""
    if form.answer == "rest":
        return [sample for sample in form.shown if sample not in set(form.samples)]
    return view.which if form.everything else form.samples


def _expected(form: MarkedForm, marked: list[int] | Filter) -> int:
    """The number of samples that the sender of the form expected."""
    if isinstance(marked, Filter):
        return form.matching
    return len(set(marked)) if form.expected is None else form.expected


def say_done(request: Request, response: Response, done: Done, address: str, selection: str) -> Response:
    """The answer, which says what was done and offers to undo it at this address."""
    fields = {"action": str(done.action_id), "selection": selection, "client_id": str(uuid.uuid4())}
    return say(request, response, done.words, undo=Undo(address, tuple(fields.items())))


def question(done: Done, back: str) -> Question:
    """The effect of a verdict, with the address to go back to.

    The transaction is rolled back unless it is confirmed.
    """
    meant = done.samples + done.left_alone
    images = plural(done.samples, "image")
    act = {
        "keep": f"Keep the labels of {images}",
        "accept": f"Accept the model’s labels of {images}",
        "delete": f"Remove {images}",
    }.get(done.verdict, f"Relabel {images} to {done.label}")
    facts = ["These are all that match." if meant > MOST_SHOWN and not done.left_alone else ""]
    if done.left_alone:
        verb = "is" if done.left_alone == 1 else "are"
        why = f": {done.why.words}" if done.why else ""
        facts = [
            f"{count(done.samples)} of the {count(meant)} images that you chose get this verdict.",
            f"{count(done.left_alone)} {verb} left alone{why}.",
        ]
    facts.append("One undo takes all of it back.")
    return Question(
        f"{act}?",
        tuple(fact for fact in facts if fact),
        act,
        back,
        danger=False,
    )


def undo_all(database: Database, name: str, user: Person, form: UndoForm, *, back: str) -> str:
    """Undo all of an action in this data set, once it is confirmed; what was done, in words."""
    with database.write() as session:
        undone = undo_many(
            session,
            dataset_id=get_dataset(session, name=name).id,
            user_id=user.id,
            action_id=form.action,
            client_id=form.client_id,
        )
        if undone.samples >= ASK_FROM:
            confirm(_undoing(undone.samples, back), form.confirmed)
    return f"Undone for {plural(undone.samples, 'image')}"


def _undoing(many: int, back: str) -> Question:
    """The effect of undoing it."""
    return Question(
        f"Take back what was said of {count(many)} images?",
        ("The labels become what they were before. An undo cannot be undone.",),
        f"Undo it for {count(many)} images",
        back,
    )


def _address(name: str, view: View, *more: str) -> str:
    query = "&".join(part for part in (view.query(), *more) if part)
    return f"/d/{name}/images{'?' if query else ''}{query}"


def _back(name: str, view: View, done: Done | None = None) -> Response:
    left = [f"left={done.left_alone}"] if done and done.left_alone else []
    if left and done and done.why:
        others = asdict(done.why).items()
        left += [f"left_{reason}={n}" for reason, n in others if n and reason != "looked_at"]
    elif left:
        left.append("left_untold=true")
    return RedirectResponse(_address(name, view, *left), status_code=303)


def _choices(classes: Classes) -> tuple[ClassButton, ...]:
    pairs = enumerate(zip(classes.open_names, classes.open_positions, strict=True))
    return tuple(
        ClassButton(name, KEYS[place] if place < len(KEYS) else "", position)
        for place, (name, position) in pairs
    )


def _chips(view: View) -> tuple[Chip, ...]:
    """The filters of a view, each with the query that shows the images without it."""
    texts: dict[str, dict[str, str]] = {
        "state": {str(state): words for state, words in STATES.items()},
        "verdict": VERDICTS,
        "problem": {str(kind): words for kind, words in PROBLEMS.items()},
    }
    chips = []
    for field, (words, blank) in FILTERS.items():
        value = getattr(view, field)
        if value != blank:
            shown = "" if value is True or field == "within" else texts.get(field, {}).get(value, str(value))
            chips.append(Chip(words, shown, view.query(**{field: blank, "page": 1})))
    return tuple(chips)
