"""How answers are sent: without their body (HEAD), compressed (gzip), or a part of them (ranges)."""

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web.refusals import answer

SMALLEST = 1000  # bytes that are worth compressing
LEVEL = 4  # of 9: a tenth larger than the smallest, in a third of the time
AS_THEY_ARE = (  # compressed already, or pages, whose parts may be secrets
    *DEFAULT_EXCLUDED_CONTENT_TYPES,
    "application/octet-stream",
    "application/vnd.apache.parquet",
    "image/*",
    "text/html",
)
_REFUSED = re.compile(r"q\s*=\s*0(\.0*)?")
_ONE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class _Enough(Exception):
    """Nobody wants the rest of this answer."""


class Transfer:
    """Answers HEAD as GET without a body, and compresses what scripts read where they accept gzip."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.compressing = GZipMiddleware(
            app, SMALLEST, compresslevel=LEVEL, exclude_content_types=AS_THEY_ARE
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        is_read, asked = scope["path"].startswith("/api/"), Headers(scope=scope)
        is_packed = is_read and "range" not in asked and _takes_gzip(asked.get("accept-encoding", ""))
        app = self.compressing if is_packed else self.app
        if scope["method"] != "HEAD":
            await app(scope, receive, _with_weak_tag(send) if is_read else send)
            return

        async def send_headers(message: Message) -> None:
            if message["type"] != "http.response.body":
                await send(message)
                return
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            raise _Enough

        try:
            await app({**scope, "method": "GET"}, receive, _with_weak_tag(send_headers))
        except _Enough:
            return


def _takes_gzip(accepted: str) -> bool:
    """Whether a client accepts gzip: it names it, and not with a weight of 0, which refuses it."""
    for each in accepted.casefold().split(","):
        name, *options = map(str.strip, each.split(";"))
        if name == "gzip":
            return not any(_REFUSED.fullmatch(option) for option in options)
    return False


def has_already(request: Request, tag: str) -> bool:
    """Whether the client has the content with this tag (quoted), or any content (`*`): `If-None-Match`."""
    known = request.headers.get("if-none-match", "")
    return tag in known or known.strip() == "*"


def _with_weak_tag(send: Send) -> Send:
    """What is compressed has the tag of the same content, not of the same bytes."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=message["headers"])
            tag = headers.get("etag", "W/")
            if "content-encoding" in headers and not tag.startswith("W/"):
                headers["etag"] = f"W/{tag}"
        await send(message)

    return sending


def whole_or_part(request: Request, content: bytes, *, media_type: str, headers: dict[str, str]) -> Response:
    """The content, or the one range of bytes that is asked for.

    Several ranges, and one of another state of the content (`If-Range`), are answered with all of it.
    """
    headers = headers | {"accept-ranges": "bytes"}
    asked = _ONE_RANGE.fullmatch(request.headers.get("range", "").strip())
    if asked is None or not any(asked.groups()):
        return Response(content, media_type=media_type, headers=headers)
    if request.headers.get("if-range", headers.get("etag")) != headers.get("etag"):
        return Response(content, media_type=media_type, headers=headers)
    size = len(content)
    first, last = asked.groups()
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last), size - 1) if first and last else size - 1
    if first and last and int(last) < start:  # no range at all
        return Response(content, media_type=media_type, headers=headers)
    if start >= size or (not first and int(last) == 0):
        message = f"There are {size:,} bytes; ask for a range that begins within them."
        refusal = answer(request, status=416, code="invalid", message=message)
        refusal.headers["content-range"] = f"bytes */{size}"
        return refusal
    headers |= {"content-range": f"bytes {start}-{end}/{size}"}
    return Response(content[start : end + 1], status_code=206, media_type=media_type, headers=headers)
