"""Domain errors to status codes, in one table; JSON for scripts, a fragment for htmx, a page for people."""

import logging
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError, InternalError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnection
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match

from app import errors
from app.db.trouble import as_trouble
from app.storage import DiskFails
from app.web.asking import Unconfirmed, ask
from app.web.deps import SESSION_COOKIE, who_glances
from app.web.refusals import answer
from app.web.strict import UNKNOWN, unknown_name

log = logging.getLogger(__name__)
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_KINDS = {"query": "parameter", "path": "part of the address", "header": "header"}

STATUS: dict[type[errors.ToplossError], int] = {
    DiskFails: 503,
    errors.NotSignedIn: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Invalid: 422,
    errors.TooManyAttempts: 429,
    errors.Busy: 503,
    errors.Cancelled: 409,
    errors.StorageFull: 507,
    errors.Unavailable: 503,
    errors.ToplossError: 500,
}


def status_of(error: errors.ToplossError) -> int:
    """The status code of an error."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def headers_of(error: errors.ToplossError) -> dict[str, str]:
    """Additional headers of an error: the seconds to wait before the next attempt."""
    seconds = error.retry_after if isinstance(error, errors.TooManyAttempts | errors.Unavailable) else None
    return {} if seconds is None else {"retry-after": str(seconds)}


def _domain_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.ToplossError)  # noqa: S101 - registered for this class only
    if isinstance(error, errors.Moved) and (target := _moved(request, error)):
        return RedirectResponse(target, status_code=308)  # the same method and body
    more: dict[str, object] = {"choices": error.choices} if isinstance(error, errors.AmbiguousLayout) else {}
    response = answer(
        request,
        status=status_of(error),
        code=error.code,
        message=str(error),
        more=more,
        can_wait=isinstance(error, errors.NotNow),
    )
    response.headers.update(headers_of(error))
    return response


def _moved(request: Request, error: errors.Moved) -> str | None:
    """The address of the same thing under its name now; None if its name is not in the address."""
    for area in ("/d/", "/api/v1/datasets/"):
        path, before = request.scope["path"], area + error.before
        if path == before or path.startswith(f"{before}/"):
            query = request.scope["query_string"].decode("latin-1")
            return quote(area + error.now + path.removeprefix(before)) + (f"?{query}" if query else "")
    return None


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    path = request.scope["path"]
    is_missing = error.status_code == 404  # noqa: PLR2004
    if is_missing and request.method in ("GET", "HEAD") and path.strip("/") != path[1:]:
        query = request.scope["query_string"].decode("latin-1")
        # Only the path: an absolute address would use the client's Host header, and “//name” is another host.
        return RedirectResponse(f"/{path.strip('/')}{'?' if query else ''}{query}", status_code=307)
    is_opened = error.status_code == 405 and request.method == "GET"  # noqa: PLR2004
    if is_opened and (page := _page_above(request)):
        return RedirectResponse(page, status_code=303)
    _find_viewer(request)
    taken = _methods_of(request) if error.status_code == 405 else []  # noqa: PLR2004
    messages = {
        404: "There is nothing at this address; go back, or start from the list of data sets.",
        400: "The body of this request cannot be read, so nothing was changed; send it again, complete.",
        405: f"This address does not take {request.method}, but {' and '.join(taken)}.",
    }
    if path.startswith("/api/"):
        messages[404] = (
            "There is no such address in the REST API; /api/v1/openapi.json lists those there are."
        )
    codes = {400: "invalid", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}
    response = answer(
        request,
        status=error.status_code,
        code=codes.get(error.status_code, "error"),
        message=messages.get(error.status_code, str(error.detail)),
    )
    response.headers.update(error.headers or {})
    if taken:
        response.headers["allow"] = ", ".join(taken)
    return response


def _methods_of(request: Request) -> list[str]:
    """The methods that the address of a request takes, over all routes of it."""

    def is_taken(method: str) -> bool:
        scope = {"type": "http", "method": method, "path": request.scope["path"], "root_path": ""}
        return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)

    return [method for method in _METHODS if is_taken(method)]


def _page_above(request: Request) -> str:
    """The nearest page above an address that only takes forms; none for scripts.

    A browser opens such an address again when somebody goes back to it, or signs in on the way.
    """
    path = request.scope["path"]
    while not path.startswith("/api/") and path.strip("/"):
        path = path.rpartition("/")[0] or "/"
        scope = {"type": "http", "method": "GET", "path": path, "root_path": ""}
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes):
            return quote(path)
    return ""


def _find_viewer(request: Request) -> None:
    """Show the menu on the page also where no route has looked at the log-in."""
    if not request.cookies.get(SESSION_COOKIE) or getattr(request.state, "user", None):
        return
    state = request.app.state
    with suppress(errors.ToplossError, SQLAlchemyError):  # the page of the error does without
        request.state.user = who_glances(request, state.database, state.settings)


def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    found = error.errors()
    first = next((each for each in found if each["type"] == UNKNOWN), found[0])
    message = _in_words(first)
    if request.scope["path"].startswith("/api/"):
        message += " See /api/v1/openapi.json."
    return answer(request, status=422, code="invalid", message=message)


def _in_words(problem: dict[str, Any]) -> str:
    """A validation error of pydantic as a sentence."""
    kind, place = problem["type"], problem["loc"]
    where = ".".join(str(part) for part in place[1:])
    if kind == UNKNOWN:
        what = "parameter" if place[0] == "query" else "field"
        return unknown_name(problem["ctx"]["name"], problem["ctx"]["known"], what=what, where=where)
    if kind == "json_invalid":
        return f"The body is not JSON: {problem['ctx']['error']}, at character {place[-1]}."
    if kind == "missing":
        return f"The {_KINDS.get(place[0], 'field')} “{where or place[0]}” is missing."
    return f"“{where or place[0]}” is not as expected: {problem['msg'].removeprefix('Value error, ')}."


def _storage_error(request: Request, error: Exception) -> Response:
    trouble = as_trouble(error)
    if trouble is None:
        raise error
    log.error("the storage refused: %s", error)
    return _domain_error(request, trouble)


def _no_such_value(request: Request, _error: Exception) -> Response:
    return answer(
        request,
        status=422,
        code="invalid",
        message="A number or text in this request is one that cannot be stored; nothing was changed.",
    )


def _gone(request: Request, _error: Exception) -> Response:
    # Nobody reads this answer any more.
    return _http_error(request, HTTPException(400))


def _unexpected(request: Request, _error: Exception) -> Response:
    return answer(
        request,
        status=500,
        code="error",
        message="Something went wrong on the server and was logged; nothing was changed. Try again.",
    )


def register(app: FastAPI) -> None:
    """Attach the handlers."""
    app.add_exception_handler(errors.ToplossError, _domain_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Unconfirmed, ask)
    app.add_exception_handler(RequestValidationError, _validation_error)
    for trouble in (OperationalError, InternalError, NoConnection, OSError, MemoryError):
        app.add_exception_handler(trouble, _storage_error)
    # Numbers beyond the database's integers, NUL bytes and lone surrogates.
    for kind in (DataError, OverflowError, UnicodeEncodeError):
        app.add_exception_handler(kind, _no_such_value)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _unexpected)
