"""`Idempotency-Key`: a POST that is sent again with its key makes nothing twice; it gets the same answer."""

import hashlib
import json
import re

from python_multipart.multipart import parse_options_header
from sqlalchemy.exc import IntegrityError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.accounts import repeats
from app.accounts.repeats import Kept
from app.db.engine import Database
from app.errors import Conflict, Invalid, ToplossError
from app.settings import Settings
from app.web.deps import signed_in
from app.web.errors import status_of
from app.web.refusals import answer

HEADER = "idempotency-key"
PATTERN = "^[!-~]{1,255}$"
_KEY = re.compile(PATTERN)
NO_STORE = "no-store"
KEPT_HEADERS = ("content-type", "location")


class Idempotency:
    """Keeps the answers to requests that made something, by person and key."""

    def __init__(self, app: ASGIApp, *, database: Database, settings: Settings) -> None:
        self.app, self.database, self.settings = app, database, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        is_asked = scope["type"] == "http" and scope["method"] == "POST"
        if not (is_asked and scope["path"].startswith("/api/")):
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        keys = request.headers.getlist(HEADER)
        if not keys:
            await self.app(scope, receive, send)
            return
        key = keys[0]
        try:
            if len(keys) > 1:
                raise Invalid("The header Idempotency-Key is sent more than once; send one key.")
            if not _KEY.fullmatch(key):
                raise Invalid("An Idempotency-Key is 1 to 255 visible characters of ASCII, such as a UUID.")
            person = await signed_in(request, self.database, self.settings)
            asked = f"POST {scope['path']}?{scope['query_string'].decode('latin-1')}"
            kept = await run_in_threadpool(self._begin, person.id, key, asked)
            if kept is not None:
                await (await _again(request, receive, kept))(scope, receive, send)
                return
        except ToplossError as error:
            refusal = answer(request, status=status_of(error), code=error.code, message=str(error))
            await refusal(scope, receive, send)
            return
        await self._answer(scope, receive, send, person_id=person.id, key=key)

    def _begin(self, person_id: int, key: str, asked: str) -> Kept | None:
        try:
            with self.database.write() as session:
                return repeats.begin(session, user_id=person_id, key=key, asked=asked)
        except IntegrityError:  # another request has claimed it at this moment
            raise Conflict(
                "A request with this Idempotency-Key is being answered; wait, then send it again."
            ) from None

    async def _answer(self, scope: Scope, receive: Receive, send: Send, *, person_id: int, key: str) -> None:
        """Have the request answered; the answer leaves when it is kept."""
        body = _Digest(Request(scope).headers.get("content-type", ""))
        messages: list[Message] = []

        async def hashing() -> Message:
            message = await receive()
            body.add(message.get("body", b""))
            return message

        async def keep_back(message: Message) -> None:
            messages.append(message)

        kept: Kept | None = None
        try:
            await self.app(scope, hashing, keep_back)
            kept = _kept(messages, body.hexdigest())
        finally:
            await run_in_threadpool(self._end, person_id, key, kept)
        for message in messages:
            await send(message)

    def _end(self, person_id: int, key: str, kept: Kept | None) -> None:
        with self.database.write() as session:
            if kept is None:
                repeats.forget(session, user_id=person_id, key=key)
            else:
                repeats.keep(session, user_id=person_id, key=key, answer=kept)


class _Digest:
    """The digest of a body; that of a form in parts leaves its boundary out, which differs each time."""

    def __init__(self, content_type: str) -> None:
        _, options = parse_options_header(content_type)
        self._boundary = options.get(b"boundary", b"")
        self._hash, self._tail = hashlib.sha256(), b""

    def add(self, part: bytes) -> None:
        """The next bytes."""
        if not self._boundary:
            self._hash.update(part)
            return
        *whole, rest = (self._tail + part).split(self._boundary)
        for each in whole:
            self._hash.update(each)
        cut = max(0, len(rest) - len(self._boundary) + 1)
        self._hash.update(rest[:cut])
        self._tail = rest[cut:]

    def hexdigest(self) -> str:
        """Of all bytes."""
        whole = self._hash.copy()
        whole.update(self._tail)
        return whole.hexdigest()


def _kept(messages: list[Message], body: str) -> Kept | None:
    """The answer, if the request was not refused or sent elsewhere."""
    if not messages or messages[0]["status"] >= 300:  # noqa: PLR2004
        return None
    given = {name.decode().lower(): value.decode("latin-1") for name, value in messages[0]["headers"]}
    content = b"".join(message.get("body", b"") for message in messages[1:])
    if given.get("cache-control") == NO_STORE:  # it holds a secret, which is shown once
        content = json.dumps(json.loads(content) | {"secret": None}).encode()
    headers = {name: given[name] for name in KEPT_HEADERS if name in given}
    return Kept(body, messages[0]["status"], headers, content)


async def _again(request: Request, receive: Receive, kept: Kept) -> Response:
    """The answer that was kept. Raises Invalid where the request has another body."""
    body, more = _Digest(request.headers.get("content-type", "")), True
    while more:
        message = await receive()
        body.add(message.get("body", b""))
        more = message.get("more_body", False)
    if body.hexdigest() != kept.body:
        raise Invalid(
            "This Idempotency-Key was sent with another body; take a new key for each thing that is made."
        )
    headers = {**kept.headers, "idempotent-replayed": "true"}
    return Response(kept.content, status_code=kept.status, headers=headers)


PARAMETER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "pattern": PATTERN},
    "description": "Your own key of this request. Sent again within a day, it makes nothing twice and gets "
    "the same answer; with another body it is refused (422).",
    "example": "8f14e45f-ceea-467f-a0e6-0b6f2f6f0a11",
}
