"""Gives every request an id and a line in the log, and every answer the id as `X-Request-ID`."""

import logging
import time
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.logs import begin_request, without_secrets

log = logging.getLogger(__name__)
HEADER = "x-request-id"
QUIET = ("/static/", "/healthz", "/readyz", "/metrics", "/jobs/now")  # programs request these all the time
REFUSED = 400


class Access:
    """Around everything else, so that an answer to a failure has the id too."""

    def __init__(self, app: ASGIApp, *, logs: bool) -> None:
        self.app, self.logs = app, logs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = begin_request(Headers(scope=scope).get(HEADER, ""))
        began, status = time.perf_counter(), 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        finally:
            if self.logs:
                _write(scope, status, time.perf_counter() - began)


def _write(scope: Scope, status: int, seconds: float) -> None:
    """A line without the query, which may hold what nobody else may read; 0: it was not answered."""
    path = scope["path"]
    level = logging.DEBUG if path.startswith(QUIET) and 0 < status < REFUSED else logging.INFO
    if not log.isEnabledFor(level):
        return
    user = scope.get("state", {}).get("user")
    fields = {
        "method": scope["method"],
        "path": without_secrets(quote(path)),
        "status": status,
        "milliseconds": round(1000 * seconds, 1),
        "client": (scope.get("client") or ("",))[0],
        "user": user.name if user else "",
    }
    log.log(
        level,
        "%s %s %s in %s ms, %s%s",
        *(fields[name] for name in ("method", "path", "status", "milliseconds", "client")),
        f" {user.name!r}" if user else "",
        extra={"fields": fields},
    )
