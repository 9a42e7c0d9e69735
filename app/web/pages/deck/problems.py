"""Image problems: images that may be no use whatever their labels, by kind, with one verdict for many."""

import uuid
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import Field, ValidationError

from app.datasets.catalog import class_names, get_dataset, ready_dataset
from app.datasets.problems import Kind
from app.deck.bulk import PastAction, decide_many, past_actions
from app.deck.filters import Filter
from app.deck.problems import OPEN, Count, Problem, count_problems, is_measured, list_problems
from app.errors import Invalid
from app.web.asking import ASK_FROM, confirm
from app.web.deps import Db, SignedIn
from app.web.pages.deck.grid import PROBLEMS, UndoForm, question, say_done, undo_all
from app.web.rendering import Page, page_context, render
from app.web.strict import Strict, names_of
from app.web.toasts import say

router = APIRouter()

A_PAGE = 48
HINTS: dict[Kind, str] = {
    "dark": "Nearly black, compared with the other images. The darkest come first.",
    "bright": "Nearly white, compared with the other images. The brightest come first.",
    "blank": "Nearly one colour: there is nothing to see.",
    "blurry": "Softer than the other images, in the size that models see. The softest come first.",
    "odd_shape": "Much longer or much shorter than the other images.",
    "odd_size": "Much larger or much smaller than the other images.",
    "off_topic": "Unlike all other images, by the first look: perhaps of none of the classes.",
    "leak": "Models learn from one copy and are tested on the other: delete one of each pair.",
}


class View(Strict):
    """What the page shows, from the address's query."""

    kind: Kind | Literal[""] = ""  # empty: the first that has images
    decided: bool = False  # also images with a decision
    page: int = Field(1, ge=1, le=1_000_000)
    left: int = Field(0, ge=0, exclude=True)  # images that the action just done has left alone

    @classmethod
    def parse(cls, query: str) -> "View":
        """Parse a query. Raises Invalid."""
        pairs = parse_qsl(query, keep_blank_values=True)
        names_of(cls).check(pairs, what="parameter")
        try:
            return cls.model_validate(dict(pairs))
        except ValidationError as error:
            raise Invalid("This selection cannot be read; open the page again.") from error

    def query(self, **changed: object) -> str:
        """The query of this view, with these fields changed."""
        said = self.model_copy(update=changed).model_dump(exclude_defaults=True)
        return urlencode({name: "true" if value is True else value for name, value in said.items()})

    @property
    def which(self) -> Filter:
        """The images that it shows, on all its pages."""
        return Filter(problem=self.kind, state="" if self.decided else OPEN)


class MarkedForm(Strict):
    """The marked images and the answer about them."""

    answer: Literal["keep", "delete", "rest"]  # rest: those that are not marked are fine
    samples: list[int] = Field(default=[], max_length=200)
    shown: list[int] = Field(default=[], max_length=200)
    everything: bool = False  # all of the kind, not only what is marked
    matching: int = 0  # how many that were when the page was made
    expected: int | None = None  # how many are marked, as far as a script has counted them
    confirmed: str = Field("", max_length=64)
    selection: str = Field("", max_length=500)
    client_id: str = Field(min_length=1, max_length=64)


@dataclass(frozen=True)
class KindView:
    """A kind in the list of kinds."""

    words: str
    query: str
    shown: int
    is_shown: bool


@dataclass(frozen=True, kw_only=True)
class ProblemsPage(Page):
    """The images with a problem of one kind."""

    view: View
    kinds: tuple[KindView, ...]
    hint: str
    decided: int  # images of this kind with a decision
    other: str  # the query with or without them
    problems: tuple[Problem, ...]
    matching: int
    number: int  # of the page, from 1
    pages: int
    places: dict[str, int]  # positions of the classes: their colours
    before: str | None
    after: str | None
    selection: str
    past: tuple[PastAction, ...]
    undoable: int | None
    client_id: str
    empty: str  # heading where there is nothing to show
    advice: str


@router.get("/d/{name}/images/problems")
def show(
    request: Request, name: str, database: Db, user: SignedIn, view: Annotated[View, Query()]
) -> Response:
    """The images of a kind, the worst first."""
    with database.read() as session:
        dataset = get_dataset(session, name=name)
        counts = count_problems(session, dataset_id=dataset.id)
        count = _count_of(view, counts)
        matching = count.images if view.decided else count.open
        pages = max(1, -(-matching // A_PAGE))
        view = view.model_copy(update={"kind": count.kind, "page": min(view.page, pages)})
        first = (view.page - 1) * A_PAGE
        problems = list_problems(
            session,
            dataset_id=dataset.id,
            kind=count.kind,
            only_open=not view.decided,
            limit=A_PAGE,
            offset=first,
        )
        past = tuple(past_actions(session, dataset_id=dataset.id, user_id=user.id, limit=3))
        places = {each: i for i, each in enumerate(class_names(session, dataset_id=dataset.id))}
        measured = is_measured(session, dataset_id=dataset.id)
    page = ProblemsPage(
        **page_context(request, name),
        view=view,
        kinds=tuple(_kind_view(view, each) for each in counts),
        hint=HINTS[count.kind],
        decided=count.images - count.open,
        other=view.query(decided=not view.decided, page=1),
        problems=problems,
        matching=matching,
        number=view.page,
        pages=pages,
        places=places,
        before=view.query(page=view.page - 1) if view.page > 1 else None,
        after=view.query(page=view.page + 1) if view.page < pages else None,
        selection=view.query(),
        past=past,
        undoable=next((action.action_id for action in past if not action.undone), None),
        client_id=str(uuid.uuid4()),
        empty=f"No image {_is(count.kind)}",
        advice=_advice(count.kind, is_measured=measured),
    )
    return render("deck/problems.html", page)


@router.post("/d/{name}/images/problems/verdicts")
def decide(
    request: Request, name: str, database: Db, user: SignedIn, form: Annotated[MarkedForm, Form()]
) -> Response:
    """Give everything that is marked one verdict."""
    view = View.parse(form.selection)
    is_rest = form.answer == "rest"
    marked: list[int] | Filter = form.samples
    if is_rest:
        marked = [sample for sample in form.shown if sample not in set(form.samples)]
    elif form.everything:
        marked = view.which
    expected = len(set(form.samples)) if form.expected is None else form.expected
    if isinstance(marked, Filter):
        expected = form.matching
    elif is_rest and form.expected is None:
        expected = len(set(marked))
    with database.write() as session:
        done = decide_many(
            session,
            dataset_id=ready_dataset(session, name=name).id,
            user_id=user.id,
            samples=marked,
            expected=expected,
            verdict="delete" if form.answer == "delete" else "keep",
            client_id=form.client_id,
            selection=f"problem={view.kind}",
        )
        if expected >= ASK_FROM and done.why is not None:  # otherwise it was confirmed before
            confirm(question(done, _address(name, view)), form.confirmed)
    left = f"&left={done.left_alone}" if done.left_alone else ""
    response = RedirectResponse(_address(name, view) + left, status_code=303)
    return say_done(request, response, done, f"/d/{name}/images/problems/undo", form.selection)


@router.post("/d/{name}/images/problems/undo")
def undo(
    request: Request, name: str, database: Db, user: SignedIn, form: Annotated[UndoForm, Form()]
) -> Response:
    """Undo all of an action."""
    back = _address(name, View.parse(form.selection))
    words = undo_all(database, name, user, form, back=back)
    return say(request, RedirectResponse(back, status_code=303), words)


def _count_of(view: View, counts: tuple[Count, ...]) -> Count:
    """The kind that is shown: the one that was named, or the first that has something to show."""
    if view.kind:
        return next(each for each in counts if each.kind == view.kind)
    return next((each for each in counts if _shown(view, each)), counts[0])


def _shown(view: View, count: Count) -> int:
    return count.images if view.decided else count.open


def _kind_view(view: View, count: Count) -> KindView:
    words = PROBLEMS[count.kind]
    return KindView(
        words[0].upper() + words[1:],
        view.query(kind=count.kind, page=1),
        _shown(view, count),
        count.kind == view.kind,
    )


def _is(kind: Kind) -> str:
    words = PROBLEMS[kind]
    return f"has an {words}" if kind.startswith("odd") else f"is {words}"


def _advice(kind: Kind, *, is_measured: bool) -> str:
    if kind == "off_topic":
        return "A first look finds them: it comes after each import, unless it is switched off."
    if kind != "leak" and not is_measured:
        return (
            "These images were imported by an older version, which did not measure them: import them again."
        )
    return "There is nothing to do here."


def _address(name: str, view: View) -> str:
    return f"/d/{name}/images/problems?{view.query(kind=view.kind)}"
