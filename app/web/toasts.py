"""The answer to an act: a short sentence on the next page, with a button to undo the act where there is one.

A route says `return say(request, response, "Saved")`, or with `undo=Undo(address, fields)` a form that undoes
it. The redirect of a form, plain or boosted, carries the sentence in a signed cookie to the next page, which
shows it once; an answer to htmx carries it in its headers, and `static/toasts.js` shows it. Without
JavaScript it is a line at the top of the page.
"""

import json
from dataclasses import dataclass
from typing import TypeVar

from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.requests import Request
from starlette.responses import Response

TOAST_COOKIE = "toploss_toast"
SECONDS = 60  # in which the next page has to come
MOST_WORDS = 300  # characters
MOST_BYTES = 3000  # of a cookie's value; browsers keep about 4,000
AnyResponse = TypeVar("AnyResponse", bound=Response)


@dataclass(frozen=True)
class Undo:
    """A form that undoes an act."""

    action: str  # the path that it is sent to
    fields: tuple[tuple[str, str], ...] = ()
    words: str = "Undo"


@dataclass(frozen=True)
class Toast:
    """What is shown once."""

    words: str
    undo: Undo | None = None


def say(request: Request, response: AnyResponse, words: str, *, undo: Undo | None = None) -> AnyResponse:
    """The response, which makes the next page show these words once."""
    content: dict[str, object] = {"words": words[:MOST_WORDS]}
    if undo:
        content["undo"] = {"action": undo.action, "fields": undo.fields, "words": undo.words}
    if request.headers.get("hx-request") == "true" and request.headers.get("hx-boosted") != "true":
        response.headers["hx-trigger"] = json.dumps({"toast": content})  # in ASCII, as headers have to be
        return response
    value = _signer(request).dumps(content)
    if len(value) > MOST_BYTES:
        value = _signer(request).dumps({"words": words[:MOST_WORDS]})
    settings = request.app.state.settings
    response.set_cookie(
        TOAST_COOKIE,
        value,
        max_age=SECONDS,
        httponly=True,
        samesite="lax",
        secure=settings.secure_cookies or request.url.scheme == "https",
    )
    return response


def waiting_toast(request: Request) -> Toast | None:
    """What the act before has to say; None where nothing waits, or somebody else wrote it."""
    value = request.cookies.get(TOAST_COOKIE)
    if not value:
        return None
    try:
        content = _signer(request).loads(value, max_age=SECONDS)
    except BadData:
        return None
    undo = content.get("undo")
    fields = tuple((str(name), str(value)) for name, value in undo["fields"]) if undo else ()
    return Toast(content["words"], Undo(undo["action"], fields, undo["words"]) if undo else None)


def _signer(request: Request) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(request.app.state.settings.secret(), salt="toast")
