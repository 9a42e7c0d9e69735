"""The page that compares two versions row by row."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from app.datasets.catalog import ready_dataset
from app.datasets.comparing import WORDS, RowChange, VersionChange, check_kind, compare_versions, list_changes
from app.datasets.versions import get_version, list_versions
from app.web.deps import Db
from app.web.rendering import Page, page_context, render

router = APIRouter()

A_PAGE = 100
Number = Annotated[int | None, Query(ge=0, le=2**31 - 1)]


@dataclass(frozen=True)
class KindLink:
    """A kind of change with its count."""

    words: str
    count: int
    query: str
    is_shown: bool


@dataclass(frozen=True, kw_only=True)
class ChangesPage(Page):
    """What differs between two versions."""

    versions: tuple[int, ...]
    old: int
    new: int
    counts: VersionChange
    kinds: tuple[KindLink, ...]
    words: dict[str, str]  # of each kind
    rows: tuple[RowChange, ...]
    page: int
    pages: int
    query: str  # without the page


@router.get("/d/{name}/export/versions")
def show(
    request: Request,
    name: str,
    database: Db,
    old: Number = None,
    new: Number = None,
    kind: Annotated[str, Query(max_length=20)] = "",
    page: Annotated[int, Query(ge=1, le=10**6)] = 1,
) -> Response:
    """Two versions: at first the newest one and the one before it."""
    with database.read() as session:
        dataset = ready_dataset(session, name=name)
        numbers = [version.number for version in list_versions(session, dataset_id=dataset.id)]
        second = numbers[-1] if new is None else new
        first = max((each for each in numbers if each < second), default=numbers[0]) if old is None else old
        before, after = (get_version(session, dataset_id=dataset.id, number=each) for each in (first, second))
        counts = compare_versions(session, before, after)
        pages = max(1, -(-counts.count(check_kind(kind)) // A_PAGE))
        number = min(page, pages)
        rows = list_changes(session, before, after, kind=kind, limit=A_PAGE, offset=(number - 1) * A_PAGE)
    chosen = {"old": first, "new": second}
    view = ChangesPage(
        **page_context(request, dataset.name),
        versions=tuple(numbers),
        old=first,
        new=second,
        counts=counts,
        kinds=tuple(
            KindLink(
                words, counts.count(each), urlencode(chosen | ({"kind": each} if each else {})), each == kind
            )
            for each, words in {"": "all", **WORDS}.items()
        ),
        words=WORDS,
        rows=tuple(rows),
        page=number,
        pages=pages,
        query=urlencode(chosen | ({"kind": kind} if kind else {})),
    )
    return render("datasets/versions.html", view)
