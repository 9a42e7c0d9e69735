"""The classes of a data set: add, rename, merge, retire and restore them."""

from datetime import datetime
from typing import Annotated

from fastapi import Path, Query, Response
from pydantic import Field
from sqlalchemy.orm import Session

from app.datasets.catalog import classes_of, get_dataset, ready_dataset
from app.datasets.classes import add_class, get_class, past_changes, rename_class
from app.datasets.models import LabelClass
from app.deck.progress import label_table
from app.errors import Conflict, Invalid
from app.review.merging import merge_classes, preview, retire_class, undo_change
from app.web.api.models import Listing, Output
from app.web.api.routing import api_router
from app.web.deps import Admin, Db
from app.web.strict import StrictBody

router = api_router("classes")
ClassName = Annotated[str, Path(description="The name of the class, in any spelling.")]
OF_A_CLASS = "/datasets/{name}/classes/{class_name:path}"


class ClassOut(Output):
    """A class, with the samples given and cleaned labels put into it."""

    position: int
    name: str
    state: str  # open, merged or retired; only open ones take answers
    merged_into: str | None
    given: dict[str, int]
    cleaned: dict[str, int]


class ClassDetail(ClassOut):
    """A class and what uses it."""

    samples: int  # that have it now
    answers: int  # that name it and were not undone
    waiting: int  # of these, about samples that wait for another look
    versions: int  # that know it; they stay as they are
    runs: int  # that know it; they stay as they are


class ClassBody(StrictBody):
    """A new class."""

    name: str = Field(description="Up to 200 characters.", examples=["cat"])


class ClassPatch(StrictBody):
    """What changes: one of the two."""

    name: str | None = Field(None, description="The new name.", examples=["house cat"])
    merge_into: str | None = Field(None, description="The class that gets its samples.", examples=["cat"])
    expected: int | None = Field(
        None, ge=0, description="With `merge_into`: how many samples have the class now; otherwise 409."
    )


class ClassChangeOut(Output):
    """A change of the classes."""

    id: int
    kind: str  # add, rename, merge or retire
    before: str
    after: str
    by: str
    created_at: datetime
    is_undone: bool


@router.get("/datasets/{name}/classes")
def list_classes(
    name: str,
    database: Db,
    all: Annotated[bool, Query(description="Also merged and retired classes.")] = False,  # noqa: A002
) -> Listing[ClassOut]:
    """Every class that takes answers, by position, with its counts by split."""
    with database.read() as session:
        found = _table(session, get_dataset(session, name=name).id)
    return Listing(items=[each for each in found if all or each.state == "open"], next=None)


@router.post("/datasets/{name}/classes", status_code=201)
def create_class(name: str, database: Db, user: Admin, body: ClassBody) -> ClassOut:
    """Add a class; one that was retired takes answers again. 409 if there is the class already."""
    with database.write() as session:
        dataset_id = ready_dataset(session, name=name).id
        row = add_class(session, dataset_id=dataset_id, name=body.name, user_id=user.id)
        return _table(session, dataset_id)[row.position]


@router.get(OF_A_CLASS)
def show_class(name: str, class_name: ClassName, database: Db) -> ClassDetail:
    """A class and how much uses it: look at this before you merge or retire the class."""
    with database.read() as session:
        dataset_id = get_dataset(session, name=name).id
        return _detail(session, get_class(session, dataset_id=dataset_id, name=class_name))


@router.patch(OF_A_CLASS)
def change_class(
    name: str, class_name: ClassName, database: Db, user: Admin, body: ClassPatch
) -> ClassDetail:
    """Rename a class (`name`), or merge it into another one (`merge_into`); the answer is the class now.

    A merge relabels all samples of the class. Versions and runs of before keep their class names.
    """
    if (body.name is None) == (body.merge_into is None):
        raise Invalid("Send either “name”, to rename the class, or “merge_into”, to merge it.")
    if body.expected is not None and body.merge_into is None:
        raise Invalid("“expected” belongs to “merge_into”; leave it out to rename a class.")
    with database.write() as session:
        dataset_id = ready_dataset(session, name=name).id
        row = get_class(session, dataset_id=dataset_id, name=class_name)
        if body.name is not None:
            rename_class(session, row, name=body.name, user_id=user.id)
            return _detail(session, row)
        _merge(session, row, body.merge_into or "", expected=body.expected, user_id=user.id)
        return _detail(session, row)


@router.delete(OF_A_CLASS, status_code=204)
def delete_class(
    name: str,
    class_name: ClassName,
    database: Db,
    user: Admin,
    merge_into: Annotated[str | None, Query(description="The class that gets its samples.")] = None,
) -> Response:
    """Retire a class: it takes no answers any more. 409 while a sample has it, unless it is merged."""
    with database.write() as session:
        dataset_id = ready_dataset(session, name=name).id
        row = get_class(session, dataset_id=dataset_id, name=class_name)
        if merge_into is None:
            retire_class(session, row, user_id=user.id)
        else:
            _merge(session, row, merge_into, expected=None, user_id=user.id)
    return Response(status_code=204)


@router.get("/datasets/{name}/class-changes")
def list_changes(name: str, database: Db) -> Listing[ClassChangeOut]:
    """What people changed about the classes, the newest first."""
    with database.read() as session:
        found = past_changes(session, dataset_id=get_dataset(session, name=name).id)
    return Listing(items=[ClassChangeOut.model_validate(each) for each in found], next=None)


@router.post("/datasets/{name}/class-changes/{change}/undo")
def undo(name: str, change: int, database: Db, user: Admin) -> Listing[ClassOut]:
    """Undo the newest change of the classes; the answer is the classes now."""
    with database.write() as session:
        dataset_id = ready_dataset(session, name=name).id
        undo_change(session, dataset_id=dataset_id, change_id=change, user_id=user.id)
        found = _table(session, dataset_id)
    return Listing(items=[each for each in found if each.state == "open"], next=None)


def _merge(session: Session, row: LabelClass, into: str, *, expected: int | None, user_id: int) -> None:
    other = get_class(session, dataset_id=row.dataset_id, name=into)
    if expected is not None:
        there = preview(session, dataset_id=row.dataset_id, row=row).samples
        if there != expected:
            raise Conflict(
                f"{there:,} images have “{row.name}” now, not {expected:,}, so nothing was changed; look at "
                "the class, then send the new number."
            )
    merge_classes(session, row, other, user_id=user_id)


def _table(session: Session, dataset_id: int) -> list[ClassOut]:
    classes = classes_of(session, dataset_id=dataset_id)
    return [
        ClassOut(
            position=position,
            name=row.name,
            state=classes.state(position),
            merged_into=classes.names[classes.place_now(position)]
            if classes.merged_into[position] is not None
            else None,
            given=row.given,
            cleaned=row.cleaned,
        )
        for position, row in enumerate(label_table(session, dataset_id=dataset_id))
    ]


def _detail(session: Session, row: LabelClass) -> ClassDetail:
    line = _table(session, row.dataset_id)[row.position]
    found = preview(session, dataset_id=row.dataset_id, row=row)
    return ClassDetail(
        **line.model_dump(),
        samples=found.samples,
        answers=found.answers,
        waiting=found.waiting,
        versions=found.versions,
        runs=found.runs,
    )
