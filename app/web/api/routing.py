"""What every API route shares."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from app.errors import Invalid
from app.web.api.models import Problem

Limit = Annotated[int, Query(ge=1, le=1000, description="Results a page.")]
Cursor = Annotated[str | None, Query(description="`next` of the page before.")]

_PROBLEMS: dict[int | str, dict[str, Any]] = {
    code: {"model": Problem, "description": text}
    for code, text in {
        401: "Not signed in",
        403: "Not allowed",
        404: "Not found",
        409: "Not possible, or not now: the message says which",
        422: "Makes no sense",
    }.items()
}


def api_router(tag: str) -> APIRouter:
    """A router under /api/v1 whose errors are documented."""
    return APIRouter(prefix="/api/v1", tags=[tag], responses=_PROBLEMS)


def position(cursor: str | None) -> int:
    """Where a page begins. Raises Invalid for a cursor that no page gave."""
    if cursor is None:
        return 0
    if not cursor.isdecimal() or len(cursor) > 18:  # noqa: PLR2004 - an int64
        raise Invalid("This cursor comes from no page of results; start without one.")
    return int(cursor)


def following(items: list[Any], limit: int, last: int) -> str | None:
    """The cursor of the next page; none after a page that was not full."""
    return str(last) if len(items) == limit else None
