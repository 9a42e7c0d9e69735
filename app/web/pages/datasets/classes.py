"""The classes of a data set: a list with a search, a page for each class, and what people changed."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from app.accounts.activity import tell
from app.datasets.catalog import classes_of, get_dataset, ready_dataset
from app.datasets.classes import (
    LONGEST,
    PastChange,
    add_class,
    get_class,
    last_change,
    past_changes,
    rename_class,
)
from app.deck.progress import label_table
from app.review.merging import Preview, check_apart, merge_classes, preview, retire_class, undo_change
from app.spelling import folded
from app.web.asking import Confirmed, Question, confirm
from app.web.deps import Admin, Db, SignedIn
from app.web.rendering import Page, page_context, render
from app.web.toasts import Undo, say

router = APIRouter()

Name = Annotated[str, Form(max_length=4 * LONGEST)]
CHANGES_SHOWN = 20


@dataclass(frozen=True)
class ClassLine:
    """A class in the list."""

    name: str
    given: int
    cleaned: int
    state: str
    into: str  # of a merged class
    query: str  # of its page
    grid: str  # query of the grid with its images


@dataclass(frozen=True, kw_only=True)
class ClassesPage(Page):
    """The list of classes."""

    search: str
    shows_all: bool
    classes: tuple[ClassLine, ...]
    count: int  # classes that take answers
    closed: int  # merged and retired ones
    changes: tuple[PastChange, ...]
    undoable: int | None  # the change that can be undone


@dataclass(frozen=True, kw_only=True)
class ClassPage(Page):
    """One class, with the forms that change it."""

    name: str
    state: str
    found: Preview
    others: tuple[str, ...]  # classes that it can be merged into


@router.get("/d/{name}/classes")
def show(
    request: Request,
    name: str,
    database: Db,
    _user: SignedIn,
    q: Annotated[str, Query(max_length=LONGEST)] = "",
    closed: Annotated[bool, Query()] = False,
) -> Response:
    """The classes, those whose name has the text of the search."""
    with database.read() as session:
        dataset = get_dataset(session, name=name)
        known = classes_of(session, dataset_id=dataset.id)
        lines = [
            ClassLine(
                row.name,
                sum(row.given.values()),
                sum(row.cleaned.values()),
                known.state(position),
                known.names[known.place_now(position)] if known.state(position) == "merged" else "",
                urlencode({"of": row.name}),
                urlencode({"class": row.name}),
            )
            for position, row in enumerate(label_table(session, dataset_id=dataset.id))
        ]
        last = last_change(session, dataset_id=dataset.id)
        page = ClassesPage(
            **page_context(request, dataset.name),
            search=q,
            shows_all=closed,
            classes=tuple(
                line
                for line in lines
                if folded(q) in folded(line.name) and (closed or line.state == "open" or line.cleaned)
            ),
            count=len(known.open_names),
            closed=len(lines) - len(known.open_names),
            changes=tuple(past_changes(session, dataset_id=dataset.id, limit=CHANGES_SHOWN)),
            undoable=last.id if last else None,
        )
    return render("datasets/classes.html", page)


@router.get("/d/{name}/class")
def show_one(
    request: Request,
    name: str,
    database: Db,
    _admin: Admin,
    of: Annotated[str, Query(max_length=4 * LONGEST)] = "",
) -> Response:
    """What uses a class, and the forms that change it; without a class the list of all."""
    if not of:
        return RedirectResponse(f"/d/{name}/classes", status_code=303)
    with database.read() as session:
        dataset = get_dataset(session, name=name)
        row = get_class(session, dataset_id=dataset.id, name=of)
        known = classes_of(session, dataset_id=dataset.id)
        page = ClassPage(
            **page_context(request, dataset.name),
            name=row.name,
            state=known.state(row.position),
            found=preview(session, dataset_id=dataset.id, row=row),
            others=tuple(each for each in known.open_names if each != row.name),
        )
    return render("datasets/class.html", page)


@router.post("/d/{name}/classes/add")
def add(request: Request, name: str, database: Db, admin: Admin, class_name: Name = "") -> Response:
    """Add a class; one that was retired takes answers again."""
    with database.write() as session:
        dataset_id = ready_dataset(session, name=name).id
        row = add_class(session, dataset_id=dataset_id, name=class_name, user_id=admin.id)
        tell(row.name)
        return _done(request, session, name, dataset_id, f"Added “{row.name}”")


@router.post("/d/{name}/classes/rename")
def rename(
    request: Request, name: str, database: Db, admin: Admin, class_name: Name, new_name: Name = ""
) -> Response:
    """Rename a class."""
    with database.write() as session:
        row = get_class(session, dataset_id=ready_dataset(session, name=name).id, name=class_name)
        before = row.name
        rename_class(session, row, name=new_name, user_id=admin.id)
        tell(f"{before}, now {row.name}")
        return _done(request, session, name, row.dataset_id, f"Renamed “{before}” to “{row.name}”")


@router.post("/d/{name}/classes/merge")
def merge(
    request: Request,
    name: str,
    database: Db,
    admin: Admin,
    class_name: Name,
    into: Name = "",
    confirmed: Confirmed = "",
) -> Response:
    """Merge a class into another one, after a question with the counts."""
    with database.write() as session:
        dataset_id = ready_dataset(session, name=name).id
        row, other = (get_class(session, dataset_id=dataset_id, name=each) for each in (class_name, into))
        check_apart(row, other)
        found = preview(session, dataset_id=dataset_id, row=row)
        confirm(_question(name, found, other.name), confirmed)
        merge_classes(session, row, other, user_id=admin.id)
        tell(f"{row.name} into {other.name}")
        return _done(request, session, name, dataset_id, f"Merged “{row.name}” into “{other.name}”")


@router.post("/d/{name}/classes/retire")
def retire(request: Request, name: str, database: Db, admin: Admin, class_name: Name) -> Response:
    """Retire a class that no image has."""
    with database.write() as session:
        row = get_class(session, dataset_id=ready_dataset(session, name=name).id, name=class_name)
        retire_class(session, row, user_id=admin.id)
        tell(row.name)
        return _done(request, session, name, row.dataset_id, f"Retired “{row.name}”")


@router.post("/d/{name}/classes/undo")
def undo(request: Request, name: str, database: Db, admin: Admin, change: Annotated[int, Form()]) -> Response:
    """Undo the newest change of the classes."""
    with database.write() as session:
        dataset_id = ready_dataset(session, name=name).id
        undo_change(session, dataset_id=dataset_id, change_id=change, user_id=admin.id)
    return say(request, _back(name), "Undone")


def _question(name: str, found: Preview, into: str) -> Question:
    relabels = (
        f"All of them get the label “{into}”. What nobody has reviewed stays unreviewed. One undo on this "
        "page undoes the merge."
    )
    back = f"/d/{name}/class?{urlencode({'of': found.name})}"
    title = f"Merge “{found.name}” into “{into}”?"
    return Question(title, (*found.words, relabels), "Merge the classes", back, danger=False)


def _done(request: Request, session: Session, name: str, dataset_id: int, words: str) -> Response:
    """Back to the list, which says what was done and can undo it."""
    change = last_change(session, dataset_id=dataset_id)
    undo = Undo(f"/d/{name}/classes/undo", (("change", str(change.id)),)) if change else None
    return say(request, _back(name), words, undo=undo)


def _back(name: str) -> Response:
    return RedirectResponse(f"/d/{name}/classes", status_code=303)
