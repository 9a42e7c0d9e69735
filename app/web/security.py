"""What every answer and every changing request must satisfy, whoever sent it."""

import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.training import photos

MAX_BODY = 1_000_000  # bytes; a decision has 200
UPLOADS = {"/datasets/new", "/api/v1/datasets"}
PHOTOS = re.compile(r"(?:/d/[^/]+|/api/v1)/runs/[0-9]+/photos")
MAX_PHOTOS = photos.AT_ONCE * photos.MAX_BYTES + MAX_BODY
TOO_LARGE = (
    "This is larger than what can be sent here; zips are uploaded by signed-in admins, up to TOPLOSS_MAX_UPLOAD_MB, "
    f"photos {photos.AT_ONCE} at a time of {photos.MAX_BYTES // 1_000_000} MB each."
)
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
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
    return origin is not None and urlsplit(origin).netloc != headers.get("host", "")


class Security:
    """Refuses cross-site changes and adds the security headers."""

    def __init__(self, app: ASGIApp, *, max_upload: int) -> None:
        self.app = app
        self.max_upload = max_upload

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

        if is_cross_site(scope["method"], asked):
            refusal = JSONResponse(
                {
                    "error": "forbidden",
                    "message": "This request came from another site and was refused; use Toploss's own page.",
                    "status": 403,
                },
                status_code=403,
            )
            await refusal(scope, receive, send_with_headers)
            return
        limit = self._body_limit(scope["path"], asked)
        if int(asked.get("content-length") or 0) > limit:
            refusal = JSONResponse(
                {"error": "too_large", "message": TOO_LARGE, "status": 413}, status_code=413
            )
            await refusal(scope, receive, send_with_headers)
            return
        received = 0

        async def receive_limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise HTTPException(413, TOO_LARGE)
            return message

        await self.app(scope, receive_limited, send_with_headers)

    def _body_limit(self, path: str, headers: Headers) -> int:
        """Bytes that are read of a request's body, which happens before anybody asks who sent it."""
        if "authorization" not in headers and "cookie" not in headers:
            return MAX_BODY
        if PHOTOS.fullmatch(path):
            return min(self.max_upload, MAX_PHOTOS)
        return self.max_upload if path in UPLOADS else MAX_BODY
