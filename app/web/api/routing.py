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
        400: "The request or its body cannot be read",
        401: "Not signed in",
        403: "Not allowed",
        404: "Not found",
        409: "Not possible, or not now: the message says which",
        413: "Larger than what can be sent here",
        422: "Makes no sense",
        503: "Not now: the database or a disk does not answer; `Retry-After` says when to try again",
        507: "The disk is full",
    }.items()
}


def api_router(tag: str) -> APIRouter:
    """A router under /api/v1 whose errors are documented."""
    return APIRouter(prefix="/api/v1", tags=[tag], responses=_PROBLEMS)


def file_answers(*kinds: str, ranges: bool = False, tagged: bool = True) -> dict[int | str, dict[str, Any]]:
    """What a download is answered with, by its content types."""
    text, file = {"type": "string"}, {"type": "string", "format": "binary"}
    content = {kind: {"schema": text if kind.startswith("text/") else file} for kind in kinds}
    tag = {"ETag": {"description": "Send it as `If-None-Match`.", "schema": {"type": "string"}}}
    answers: dict[int | str, dict[str, Any]] = {
        200: {"description": "The file", "content": content, "headers": tag},
        304: {"description": "Not modified: the client has it already"},
    }
    if not tagged:
        return {200: {"description": "The file", "content": content}}
    if ranges:
        answers[206] = {"description": "The part that `Range` names", "content": content}
        answers[416] = {"model": Problem, "description": "The range begins behind the end"}
    return answers


IMAGE_ANSWERS = file_answers("image/*", ranges=True)


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
