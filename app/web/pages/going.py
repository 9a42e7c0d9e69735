"""Where a person can go from here: the list behind the command palette, and a page where scripts are off."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from app.accounts.roles import ADMIN, includes
from app.datasets.catalog import get_dataset, list_datasets
from app.datasets.models import Dataset
from app.deck.filters import Filter, look
from app.training.runs import list_runs
from app.web.deps import Db, SignedIn
from app.web.navigation import TABS
from app.web.rendering import THEMES, Page, page_context, render_part

router = APIRouter()

MOST_IMAGES = 8
MOST_MODELS = 20
SHORTEST = 2  # characters that images are looked for with


@dataclass(frozen=True)
class Target:
    """A place to go to, or a theme to choose."""

    kind: str
    words: str
    url: str
    theme: str = ""


@dataclass(frozen=True, kw_only=True)
class GoPage(Page):
    """Where a person can go from here; with a text: what has it in its words, and images by their name."""

    targets: tuple[Target, ...]
    text: str


@router.get("/go")
def go(
    request: Request,
    database: Db,
    user: SignedIn,
    dataset: Annotated[str, Query(max_length=200)] = "",
    text: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Pages, models and actions, and images whose path has the text."""
    wanted = text.strip().casefold()
    with database.read() as session:
        here = get_dataset(session, name=dataset) if dataset else None
        places = [
            *(_places(here, role=user.role) if here else ()),
            *(_models(session, here) if here else ()),
            *(
                Target("Data set", each.name, quote(f"/d/{each.name}"))
                for each in list_datasets(session, hidden=user.hidden)
            ),
            *_everywhere(role=user.role),
        ]
        images = _images(session, here, wanted) if here and len(wanted) >= SHORTEST else ()
        page = GoPage(
            **page_context(request, here.name if here else None),
            targets=(*(each for each in places if wanted in each.words.casefold()), *images),
            text=text,
        )
    return render_part(request, "going/_list.html", page, whole="going/page.html")


def _places(dataset: Dataset, *, role: str) -> Iterator[Target]:
    """The tabs of a data set with what is below them."""
    for tab in TABS:
        for sub in tab.subs or (tab,):
            if includes(role, tab.role) and includes(role, sub.role):
                words = sub.words if sub.words == tab.words else f"{tab.words}: {sub.words}"
                yield Target("Page", words, quote(f"/d/{dataset.name}{sub.path}"))


def _models(session: Session, dataset: Dataset) -> Iterator[Target]:
    for run in list_runs(session, dataset_id=dataset.id)[:MOST_MODELS]:
        yield Target("Model", run.name, quote(f"/d/{dataset.name}/models/{run.id}"))


def _everywhere(*, role: str) -> Iterator[Target]:
    """What does not belong to a data set."""
    yield Target("Page", "All data sets", "/")
    if includes(role, ADMIN):
        yield Target("Action", "Add a data set", "/datasets/new")
        yield Target("Page", "People", "/people")
        yield Target("Page", "Activity", "/activity")
        yield Target("Page", "Jobs", "/jobs")
        yield Target("Page", "Server", "/server")
    yield Target("Page", "Account", "/account")
    yield Target("Page", "REST API", "/docs")
    yield Target("Page", "Help", "/help")
    for theme in THEMES:
        yield Target("Theme", f"Theme: {theme}", "/account", theme)


def _images(session: Session, dataset: Dataset, text: str) -> Iterator[Target]:
    found = look(session, dataset_id=dataset.id, which=Filter(text=text), order="path", limit=MOST_IMAGES)
    for tile in found.tiles:
        yield Target("Image", tile.path, quote(f"/d/{dataset.name}/images/{tile.sample_id}"))
