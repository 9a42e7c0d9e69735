"""Security of all requests and answers: headers, size limits, no changes from other sites."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.photos import photos
from app.web.refusals import answer

MAX_BODY = 1_000_000  # bytes; a decision has 200
FILES = "multipart/form-data"
TOO_LARGE = (
    "This is larger than what can be sent here; files are uploaded by signed-in admins, up to "
    f"TOPLOSS_MAX_UPLOAD_MB, photos {photos.AT_ONCE} at a time of {photos.MAX_BYTES // 1_000_000} MB each."
)
ELSEWHERE = "This request came from another site and was refused; use Toploss's own page."
TAIL = 4096  # bytes at the end of a form that its last boundary is looked for in
MOST_DIGITS = 18  # of a length
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",  # pages and answers belong to one signed-in person
}
STAY_WITH_HTTPS = (b"strict-transport-security", b"max-age=31536000")
_RAW_HEADERS = [(name.encode(), value.encode()) for name, value in HEADERS.items()]


def is_cross_site(method: str, headers: Headers) -> bool:
    """Whether another site's page sent this changing request with the visitor's cookie.

    Browsers say so in `Sec-Fetch-Site`, older ones in `Origin`; a request with neither comes from no browser.
    """
    if method in SAFE_METHODS or headers.get("authorization", "").lower().startswith("bearer "):
        return False
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    try:
        return origin is not None and urlsplit(origin).netloc != headers.get("host", "")
    except ValueError:  # no address at all
        return True


def _refusal(request: Request, headers: Headers, *, limit: int) -> Response | None:
    """What cannot be let on to any route, by its headers alone."""
    if is_cross_site(request.method, headers):
        return answer(request, status=403, code="forbidden", message=ELSEWHERE)
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdecimal()):
        words = "The Content-Length of this request is no number; send it again."
        return answer(request, status=400, code="invalid", message=words)
    if len(length) > MOST_DIGITS or int(length) > limit:
        return answer(request, status=413, code="too_large", message=TOO_LARGE)
    return None


def _limited(receive: Receive, headers: Headers, *, limit: int) -> Receive:
    """The body, as long as it is not larger than the limit, and a form in parts only to its very end."""
    received, tail, end = 0, b"", _end_of_form(headers.get("content-type", ""))

    async def receive_limited() -> Message:
        nonlocal received, tail
        message = await receive()
        body = message.get("body", b"")
        received += len(body)
        if received > limit:
            raise HTTPException(413, TOO_LARGE)
        if end and message["type"] == "http.request":
            tail = (tail + body[-TAIL:])[-TAIL:]
            if received and not message.get("more_body") and end not in tail:
                raise HTTPException(400)
        return message

    return receive_limited


def _end_of_form(content_type: str) -> bytes:
    """What a form in parts ends with, none for other bodies.

    The parser would take one that is cut off for a shorter one.
    """
    kind, options = parse_options_header(content_type)
    return b"--" + options[b"boundary"] + b"--" if kind == FILES.encode() and b"boundary" in options else b""


@dataclass(frozen=True)
class Upload:
    """A route that takes files: its path, and the bytes of all its files; None: TOPLOSS_MAX_UPLOAD_MB."""

    path: re.Pattern[str]
    most_bytes: int | None = None


class Security:
    """Refuses cross-site changes and adds the security headers."""

    def __init__(self, app: ASGIApp, *, max_upload: int, uploads: Sequence[Upload]) -> None:
        self.app = app
        self.max_upload = max_upload + MAX_BODY
        self.uploads = uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        asked = Headers(scope=scope)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(each for each in _RAW_HEADERS if each[0] not in given),
                    *([STAY_WITH_HTTPS] if scope["scheme"] == "https" else ()),
                ]
            await send(message)

        limit = self._body_limit(scope["method"], scope["path"], asked)
        if refusal := _refusal(Request(scope), asked, limit=limit):
            await refusal(scope, receive, send_with_headers)
            return
        await self.app(scope, _limited(receive, asked, limit=limit), send_with_headers)

    def _body_limit(self, method: str, path: str, headers: Headers) -> int:
        """Bytes that are read of a request's body.

        Only a form with files may be large: its files go to the disk, and its route (`UploadRoute`) first
        checks who sends it. All other bodies are kept in memory, most of them before the sender is known.
        """
        if "authorization" not in headers and "cookie" not in headers:
            return MAX_BODY
        if method != "POST" or not headers.get("content-type", "").lower().startswith(FILES):
            return MAX_BODY
        for upload in self.uploads:
            if upload.path.match(path):
                most = upload.most_bytes
                return self.max_upload if most is None else min(self.max_upload, most + MAX_BODY)
        return MAX_BODY
