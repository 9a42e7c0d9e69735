"""Routes for large files: the sender and the other fields are checked before a file is read.

Only a small part of the files is kept in memory.
"""

from collections.abc import Callable, Coroutine, Mapping
from contextlib import aclosing
from typing import Any

from fastapi import HTTPException, Request
from fastapi.routing import APIRoute
from starlette.datastructures import FormData, Headers
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.responses import Response
from starlette.types import Message, Receive, Scope

from app.accounts.tokens import Person
from app.datasets.adding import AT_ONCE as FILES_AT_ONCE
from app.datasets.creating import check_name
from app.errors import Invalid, ToplossError
from app.photos.photos import AT_ONCE, MAX_BYTES, TOO_MANY
from app.storage.zip_names import check_encoding
from app.web.deps import admin, get_database, get_settings, signed_in
from app.web.errors import status_of
from app.web.refusals import answer
from app.web.strict import is_form

# A browser shows no answer before it has sent everything; after a refusal this much more is read.
MOST_DRAINED = 32 * 1024**2
IN_MEMORY = 64 * 1024  # bytes of a file; the rest of it is on the disk
MOST_FIELDS = 20  # beside the files
MOST_IN_A_FIELD = 64 * 1024  # bytes


class UploadRoute(APIRoute):
    """A route that takes files. Fields before a file in the form are checked when the file begins.

    By its class `Security` knows that its forms may be large.
    """

    most_bytes: int | None = None  # of all files; None: TOPLOSS_MAX_UPLOAD_MB
    most_files = 1
    too_many = "Send one zip at a time."

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Check, then do what any route does."""
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            await self.let_in(
                await signed_in(request, await get_database(request), await get_settings(request))
            )
            upload = _Upload(request.scope, _Body(request.receive), self)
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

    async def let_in(self, person: Person) -> None:
        """Raises Forbidden for who may not send files here."""
        await admin(person)

    def check(self, fields: Mapping[str, str], *, files: int) -> None:
        """Raises Invalid if the form is refused whatever the file contains that begins, number `files`."""
        if "name" in fields:
            check_name(fields["name"].strip())
        if encoding := fields.get("zip_encoding", "").strip():
            check_encoding(encoding)
        if files > self.most_files:
            raise Invalid(self.too_many)

    async def refused(self, request: Request, fields: Mapping[str, str], error: ToplossError) -> Response:
        """The answer to an upload whose file is not read, and the fields that came before it."""
        del fields
        return answer(request, status=status_of(error), code=error.code, message=str(error))


class ImportRoute(UploadRoute):
    """A route that takes a zip, and a file with its labels."""

    most_files = 2
    too_many = "Send one zip at a time, and at most one file with its labels."


class LabelsRoute(UploadRoute):
    """A route that takes a label file."""

    too_many = "Send one label file at a time."


class ImagesRoute(UploadRoute):
    """A route that adds images to a data set: a zip, or single files of one class."""

    most_files = FILES_AT_ONCE
    too_many = f"Send one zip, or up to {FILES_AT_ONCE} images at a time."


class PhotosRoute(UploadRoute):
    """A route that takes photos, from everybody who may change something."""

    most_bytes = AT_ONCE * MAX_BYTES
    most_files = AT_ONCE
    too_many = TOO_MANY

    async def let_in(self, person: Person) -> None:
        """Whoever signed in."""


class PredictionsRoute(UploadRoute):
    """A route that takes the predictions of an own model, and files of ids and classes beside them."""

    most_files = 3
    too_many = "Send one file of predictions, and at most one each of ids and classes."


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
    def __init__(self, scope: Scope, body_so_far: _Body, route: UploadRoute) -> None:
        super().__init__(scope, body_so_far)
        self.body_so_far, self.route = body_so_far, route
        self.fields: Mapping[str, str] = {}

    async def _get_form(self, **_limits: Any) -> FormData:
        limits = {
            "max_files": self.route.most_files + 1,  # `check` says it in words; empty ones count here only
            "max_fields": MOST_FIELDS,
            "max_part_size": MOST_IN_A_FIELD,
        }
        if self._form is None and self.headers.get("content-type", "").lower().startswith("multipart/"):
            try:
                async with aclosing(self.stream()) as stream:
                    self._form = await _Parser(self, stream, **limits).parse()
            except MultiPartException as error:
                raise HTTPException(400, error.message) from error
        return await super()._get_form(**limits)


class _Parser(MultiPartParser):
    spool_max_size = IN_MEMORY

    def __init__(self, upload: _Upload, stream: Any, **limits: Any) -> None:
        super().__init__(upload.headers, stream, **limits)
        self._upload = upload

    def on_headers_finished(self) -> None:
        super().on_headers_finished()
        file = self._current_part.file
        if file is not None and file.filename:
            self._upload.fields = {name: value for name, value in self.items if isinstance(value, str)}
            self._upload.route.check(self._upload.fields, files=self._current_files)
