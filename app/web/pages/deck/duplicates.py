"""Duplicates with different labels: each group side by side, resolved by one click."""

import uuid
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import Field

from app.datasets.catalog import classes_of, get_dataset, ready_dataset
from app.deck.duplicates import Twins, recommended, resolve, torn_groups, undo_resolve
from app.deck.filters import Tile
from app.web.asking import ASK_FROM, Question, confirm
from app.web.deps import Db, SignedIn
from app.web.pages.deck.cards import KEYS
from app.web.rendering import Page, count, page_context, render
from app.web.strict import Strict

router = APIRouter()

A_PAGE = 20
PARTS = {"test": "test", "train": "training", "valid": "validation"}


class GroupForm(Strict):
    """An answer about a group."""

    samples: list[int] = Field(max_length=200)
    answer: str  # keep, delete, relabel:CLASS, or relabel with `label`
    label: str = ""
    client_id: str = Field(min_length=1, max_length=40)
    confirmed: str = Field("", max_length=64)


@dataclass(frozen=True)
class Side:
    """The images of a group that have one label, with its button."""

    label: str  # empty: deleted ones, without a button
    key: str
    position: int | None  # of the class in the data set: its colour
    is_recommended: bool  # by the model
    tiles: tuple[Tile, ...]


@dataclass(frozen=True)
class GroupView:
    """A group with an id for the answer."""

    twins: Twins
    client_id: str
    sides: tuple[Side, ...]
    leak: str  # the parts that it is in, in words; empty if it is in one


@dataclass(frozen=True, kw_only=True)
class DuplicatesPage(Page):
    """Groups whose labels differ."""

    groups: tuple[GroupView, ...]
    open: int  # groups that were not reviewed
    looked_at: int  # groups whose labels differ on purpose
    images: int  # in the open ones
    classes: tuple[str, ...]
    number: int  # of the page, from 1
    pages: int
    before: str | None  # queries of the pages around
    after: str | None
    done: str  # the client id of the answer just given


@router.get("/d/{name}/images/duplicates")
def show(
    request: Request,
    name: str,
    database: Db,
    page: Annotated[int, Query(ge=1, le=10**6)] = 1,
    done: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """The groups, unreviewed ones first."""
    with database.read() as session:
        dataset = get_dataset(session, name=name)
        groups = torn_groups(session, dataset_id=dataset.id)
        classes = classes_of(session, dataset_id=dataset.id)
        names = tuple(classes.open_names)
        places = {each: position for position, each in enumerate(classes.names)}
    pages = max(1, -(-len(groups) // A_PAGE))
    page = min(page, pages)
    open_groups = [twins for twins in groups if not twins.looked_at]
    view = DuplicatesPage(
        **page_context(request, name),
        open=len(open_groups),
        looked_at=len(groups) - len(open_groups),
        groups=tuple(_group_view(twins, places) for twins in groups[(page - 1) * A_PAGE : page * A_PAGE]),
        images=sum(len(twins.tiles) for twins in open_groups),
        classes=names,
        number=page,
        pages=pages,
        before=f"page={page - 1}" if page > 1 else None,
        after=f"page={page + 1}" if page < pages else None,
        done=done,
    )
    return render("deck/duplicates.html", view)


@router.post("/d/{name}/images/duplicates")
def decide(name: str, database: Db, user: SignedIn, form: Annotated[GroupForm, Form()]) -> Response:
    """Give all images of a group one answer."""
    verdict, _, label = form.answer.partition(":")
    with database.write() as session:
        dataset = ready_dataset(session, name=name)
        resolve(
            session,
            dataset_id=dataset.id,
            user_id=user.id,
            sample_ids=form.samples,
            verdict=verdict,
            label=(label or form.label) if verdict == "relabel" else None,
            client_id=form.client_id,
        )
        if len(form.samples) >= ASK_FROM:
            confirm(_question(name, len(form.samples)), form.confirmed)
    return RedirectResponse(f"/d/{name}/images/duplicates?done={form.client_id}", status_code=303)


def _group_view(twins: Twins, places: dict[str, int]) -> GroupView:
    best = recommended(twins.tiles)
    sides = [
        Side(
            label,
            KEYS[number] if number < len(KEYS) else "",
            places.get(label),
            label == best,
            tuple(tile for tile in twins.tiles if tile.label == label),
        )
        for number, label in enumerate(twins.labels)
    ]
    deleted = tuple(tile for tile in twins.tiles if tile.label is None)
    if deleted:
        sides.append(Side("", "", None, is_recommended=False, tiles=deleted))
    leak = " and ".join(PARTS[split] for split in twins.splits) if len(twins.splits) > 1 else ""
    return GroupView(twins, str(uuid.uuid4()), tuple(sides), leak)


def _question(name: str, many: int) -> Question:
    words = f"Say this of {count(many)} images"
    undo = "One undo takes all of it back."
    return Question(f"{words}?", (undo,), words, f"/d/{name}/images/duplicates", danger=False)


@router.post("/d/{name}/images/duplicates/undo")
def undo(
    name: str, database: Db, user: SignedIn, client_id: Annotated[str, Form(min_length=1, max_length=40)]
) -> Response:
    """Undo the answer about a group."""
    with database.write() as session:
        undo_resolve(
            session, dataset_id=get_dataset(session, name=name).id, user_id=user.id, client_id=client_id
        )
    return RedirectResponse(f"/d/{name}/images/duplicates", status_code=303)
