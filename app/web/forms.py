"""Forms that are sent often, read with less than FastAPI does: the same fields, the same refusals."""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from app.errors import Invalid
from app.web.strict import FORMS, ReadsItself, Strict, names_of

FormModel = TypeVar("FormModel", bound=Strict)
MOST_FIELDS = 1000
UNREADABLE = "The form in this request cannot be read; send it again, complete."


async def read_form(request: Request, model: type[FormModel]) -> FormModel:
    """The body as the model; what is empty is left out. Raises RequestValidationError, Invalid."""
    pairs = await form_pairs(request)
    names_of(model).check(pairs)
    fields: Mapping[str, Any] = {name: value for name, value in pairs if value}
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise RequestValidationError(
            [{**each, "loc": ("body", *each["loc"])} for each in error.errors()]
        ) from error


class SentForm(ReadsItself, Generic[FormModel]):
    """A dependency that reads the form by `read_form`."""

    def __init__(self, model: type[FormModel]) -> None:
        self.model = model

    async def __call__(self, request: Request) -> FormModel:
        """The form."""
        return await read_form(request, self.model)


async def form_pairs(request: Request) -> list[tuple[str, str]]:
    """Names and values of a form without files, the empty ones too.

    Raises Invalid, and HTTPException for a broken one.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == FORMS[0]:
        body = (await request.body()).decode("latin-1")
        try:
            return parse_qsl(body, keep_blank_values=True, max_num_fields=MOST_FIELDS)
        except ValueError as error:
            raise Invalid(f"A form has at most {MOST_FIELDS} fields.") from error
    if kind == FORMS[1]:
        try:
            async with request.form(max_files=0) as form:
                return [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
        except HTTPException:
            raise
        except Exception as error:  # whatever a broken form breaks in the parser
            raise HTTPException(400, UNREADABLE) from error
    if (await request.body()).strip():
        raise Invalid(f"This address takes a form, so the content type is {FORMS[0]} or {FORMS[1]}.")
    return []
