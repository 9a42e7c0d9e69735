"""The shape of a refusal: JSON for scripts, a fragment for htmx, a page for people."""

from dataclasses import dataclass
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from app.logs import request_id
from app.web.rendering import Page, environment, is_fragment, page_context, render

FOR_PROGRAMS = ("/api/", "/metrics")  # addresses whose refusals are JSON, also without a token


@dataclass(frozen=True, kw_only=True)
class ErrorPage(Page):
    """The page of an error."""

    status: int
    message: str
    can_wait: bool = False  # whether the same request may succeed later
    request_id: str = ""  # to be told to who runs the server
    plain: str = ""  # the same address without the parameters that it refuses


def answer(
    request: Request,
    *,
    status: int,
    code: str,
    message: str,
    more: dict[str, object] | None = None,
    can_wait: bool = False,
) -> Response:
    """The error in the client's format; `more` is for scripts. `can_wait`: the request may succeed later."""
    message = message.encode("utf-8", "replace").decode()  # what was sent may be no text to send back
    by_token = request.headers.get("authorization", "").lower().startswith("bearer ")
    if request.scope["path"].startswith(FOR_PROGRAMS) or by_token:
        headers = {"www-authenticate": "Bearer"} if status == 401 else None  # noqa: PLR2004
        content = {"error": code, "message": message, "status": status, **(more or {})}
        if status == 500:  # noqa: PLR2004 - whoever runs the server finds its lines in the log by this
            content["request_id"] = request_id()
        return JSONResponse(content, status_code=status, headers=headers)
    fragment = is_fragment(request)
    if status == 401 and request.method == "GET":  # noqa: PLR2004
        target = f"/login?next={quote(page_context(request)['url'])}"
        return (
            Response(headers={"hx-redirect": target})
            if fragment
            else RedirectResponse(target, status_code=303)
        )
    dataset = request.path_params.get("name") if request.scope["path"].startswith("/d/") else None
    is_asked = status == 422 and request.method == "GET" and request.scope["query_string"]  # noqa: PLR2004
    page = ErrorPage(
        **page_context(request, dataset),
        status=status,
        message=message,
        can_wait=can_wait,
        request_id=request_id() if status >= 500 else "",  # noqa: PLR2004
        plain=quote(request.scope["path"]) if is_asked else "",
    )
    return render("errors/_message.html" if fragment else "errors/page.html", page, status=status)


def unread(path: bytes, *, status: int, code: str, message: str) -> tuple[str, bytes]:
    """The same for a request that could not be read as one: a content type and a content."""
    if path.startswith(b"/api/"):
        response: Response = JSONResponse({"error": code, "message": message, "status": status})
        return "application/json", bytes(response.body)
    page = ErrorPage(viewer=None, url="/", status=status, message=message)
    return "text/html; charset=utf-8", environment().get_template("errors/page.html").render(
        page=page
    ).encode()
