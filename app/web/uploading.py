"""Routes for large files: the sender and the other fields are checked before the file is read."""

from collections.abc import Callable, Coroutine, Mapping
from contextlib import aclosing
from typing import Any

from fastapi import HTTPException, Request
from fastapi.routing import APIRoute
from starlette.datastructures import FormData, Headers
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.responses import Response
from starlette.types import Message, Receive, Scope

from app.datasets.creating import check_name
from app.errors import ToplossError
from app.storage.zip_names import check_encoding
from app.web.deps import admin, get_database, get_settings, signed_in
from app.web.errors import status_of
from app.web.refusals import answer
from app.web.strict import is_form

# A browser shows no answer before it has sent everything; after a refusal this much more is read.
MOST_DRAINED = 32 * 1024**2


class UploadRoute(APIRoute):
    """A route for admins. Fields that stand before the file in the form are checked when the file begins."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Check, then do what any route does."""
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            await admin(await signed_in(request, await get_database(request), await get_settings(request)))
            upload = _Upload(request.scope, _Body(request.receive))
            try:
                if is_form(upload):
                    await upload.form()
            except ToplossError as error:
                is_whole = await upload.body_so_far.drained(upload.headers)
                refusal = await self.refused(request, upload.fields, error)
                if not is_whole:
                    refusal.headers["connection"] = "close"
                return refusal
            return await handle(upload)

        return handler

    async def refused(self, request: Request, fields: Mapping[str, str], error: ToplossError) -> Response:
        """The answer to an upload whose file is not read, and the fields that came before it."""
        del fields
        return answer(request, status=status_of(error), code=error.code, message=str(error))


def check_fields(fields: Mapping[str, str]) -> None:
    """Raises Invalid for what a data set's import is refused for, whatever its file holds."""
    if "name" in fields:
        check_name(fields["name"].strip())
    if encoding := fields.get("zip_encoding", "").strip():
        check_encoding(encoding)


class _Body:
    """The body as it comes in."""

    def __init__(self, receive: Receive) -> None:
        self._receive, self._is_whole = receive, False

    async def __call__(self) -> Message:
        message = await self._receive()
        self._is_whole = not message.get("more_body", False)
        return message

    async def drained(self, headers: Headers) -> bool:
        """Whether the rest was short enough to be read, and thrown away."""
        length = headers.get("content-length", "")
        while not self._is_whole and length.isdecimal() and int(length) <= MOST_DRAINED:
            await self()
        return self._is_whole


class _Upload(Request):
    def __init__(self, scope: Scope, body_so_far: _Body) -> None:
        super().__init__(scope, body_so_far)
        self.body_so_far = body_so_far
        self.fields: Mapping[str, str] = {}

    async def _get_form(self, **limits: Any) -> FormData:
        if self._form is None and self.headers.get("content-type", "").lower().startswith("multipart/"):
            try:
                async with aclosing(self.stream()) as stream:
                    self._form = await _Parser(self, stream, **limits).parse()
            except MultiPartException as error:
                raise HTTPException(400, error.message) from error
        return await super()._get_form(**limits)


class _Parser(MultiPartParser):
    def __init__(self, upload: _Upload, stream: Any, **limits: Any) -> None:
        super().__init__(upload.headers, stream, **limits)
        self._upload = upload

    def on_headers_finished(self) -> None:
        super().on_headers_finished()
        file = self._current_part.file
        if file is not None and file.filename:
            self._upload.fields = {name: value for name, value in self.items if isinstance(value, str)}
            check_fields(self._upload.fields)
