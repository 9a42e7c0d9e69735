"""Names that a request may send: those that its route declares, and no others.

A misspelt name is refused, not ignored: a filter whose only field is ignored would match every sample.
"""

import difflib
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import UnionType
from typing import Any, Union, get_args, get_origin

from fastapi import Request, params
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from app.errors import Invalid
from app.web.deps import admin, in_person

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
UNKNOWN = "unknown_name"  # the type of the validation error
MOST_LISTED = 20  # names that a sentence lists
NUL = "\0"


class Strict(BaseModel):
    """What a request sends: fields that are not declared are refused, at every depth."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _only_declared(cls, sent: Any) -> Any:
        if isinstance(sent, Mapping):
            known = names_of(cls).all
            for name in sent:
                if name not in known:
                    found = {"name": str(name), "known": sorted(known)}
                    raise PydanticCustomError(UNKNOWN, "{name} is not declared", found)
        return sent


class StrictBody(Strict):
    """What a JSON body holds: a number is a number and true is true, nothing is turned into another kind."""

    model_config = ConfigDict(strict=True)


@dataclass(frozen=True)
class Names:
    """The names that can be sent: once, or any number of times."""

    single: frozenset[str]
    many: frozenset[str] = frozenset()

    @property
    def all(self) -> frozenset[str]:
        """Every name."""
        return self.single | self.many if self.many else self.single

    def check(self, pairs: Collection[tuple[str, object]], *, what: str = "field") -> None:
        """Raises Invalid for an undeclared name, a name sent twice, and text that cannot be stored."""
        sent = {name for name, _ in pairs}
        if not sent <= self.all:
            name = next(name for name, _ in pairs if name not in self.all)
            raise Invalid(unknown_name(name, self.all, what=what))
        if len(sent) < len(pairs):
            seen: set[str] = set()
            for name, _ in pairs:
                if name in seen and name in self.single:
                    raise Invalid(f"The {what} “{name}” is sent more than once; send it once.")
                seen.add(name)
        for name, value in pairs:
            if isinstance(value, str) and NUL in value:
                raise Invalid(
                    f"The {what} “{name}” holds a NUL character, which cannot be stored; leave it out."
                )


NOTHING = Names(frozenset())


class ReadsItself:
    """A dependency that reads the query or the form itself, and checks the names in it."""

    place = "form"  # or query


@dataclass(frozen=True)
class Declared:
    """What a route takes."""

    query: Names | None  # none: a dependency checks it
    form: Names | None
    is_read: bool  # a dependency reads and checks the body
    is_json: bool


def unknown_name(name: str, known: Iterable[str], *, what: str = "field", where: str = "") -> str:
    """The sentence about a name that is not declared: the one that may be meant, and those that there are."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    said = name if len(name) <= 60 else f"{name[:60]}…"  # noqa: PLR2004
    place = f" in “{where}”" if where else ""
    hint = f"; did you mean “{close[0]}”?" if close else "."
    if not names:
        return f"There is no {what} “{said}”{place}: this address takes none."
    listed = ", ".join(names) if len(names) <= MOST_LISTED else ""
    return f"There is no {what} “{said}”{place}{hint}" + (f" There are: {listed}." if listed else "")


@lru_cache(maxsize=500)
def names_of(model: type[BaseModel]) -> Names:
    """The names of a model's fields, as they are sent."""
    fields = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
    many = frozenset(name for name, annotation in fields.items() if _takes_many(annotation))
    return Names(frozenset(fields) - many, many)


async def only_declared(request: Request) -> None:
    """Refuse what the route does not declare, in the query and in the body. Raises Invalid."""
    route: APIRoute = request.scope["route"]
    try:
        await _check(request, of_route(route))
    except Invalid:
        asked = {each.call for each in _walk(route.dependant)}
        for guard in (admin, in_person):  # who may not do it is told so first
            if guard in asked:
                await guard(request.state.user)
        raise


async def _check(request: Request, declared: Declared) -> None:
    if NUL in request.scope["path"]:
        raise Invalid("This address holds a NUL character, which no name can have.")
    if declared.query is not None:
        declared.query.check(request.query_params.multi_items(), what="parameter")
    if declared.is_read:
        return
    if declared.form is not None and is_form(request):
        declared.form.check((await request.form()).multi_items())
        return
    body = await request.body()
    if not body.strip():
        return
    if declared.is_json:
        read_json(body)
    elif declared.form is not None:
        raise Invalid(f"This address takes a form, so the content type is {FORMS[0]} or {FORMS[1]}.")
    else:
        await _refuse_body(request, body)


def is_form(request: Request) -> bool:
    """Whether the body is a form by its content type."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() in FORMS


def read_json(body: bytes) -> object:
    """What the body holds.

    Raises Invalid for a name sent twice and for text that cannot be stored; what is no JSON is nothing here.
    """
    try:
        read = json.loads(body, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return None  # FastAPI says so
    if b"\\u" in body:
        _check_text(read)
    return read


async def _refuse_body(request: Request, body: bytes) -> None:
    """The body of a request whose address takes none: empty, or refused."""
    if is_form(request):
        NOTHING.check((await request.form()).multi_items())
        return
    read = read_json(body)
    if isinstance(read, dict) and read:
        raise Invalid(unknown_name(str(next(iter(read))), ()))
    if read not in ({}, None) or body.strip() not in (b"{}", b"null"):
        raise Invalid("This address takes no body; send none.")


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    read = dict(pairs)
    if len(read) < len(pairs):
        Names(frozenset(read)).check(pairs)
    return read


def _check_text(read: object) -> None:
    if isinstance(read, str):
        if NUL in read or not _is_text(read):
            raise Invalid("A text in this body holds a NUL character or half a character (a lone surrogate).")
    elif isinstance(read, dict):
        for name, value in read.items():
            _check_text(name)
            _check_text(value)
    elif isinstance(read, list):
        for value in read:
            _check_text(value)


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


_known: dict[Callable[..., Any], Declared] = {}


def of_route(route: APIRoute) -> Declared:
    """What a route declares."""
    if route.endpoint not in _known:
        _known[route.endpoint] = _declared(route.dependant)
    return _known[route.endpoint]


def _declared(dependant: Dependant) -> Declared:
    everything = list(_walk(dependant))
    calls: list[Any] = [each.call for each in everything]
    read = {call.place for call in calls if isinstance(call, ReadsItself)}
    body = [field for each in everything for field in each.body_params]
    forms = [field for field in body if isinstance(field.field_info, params.Form)]
    query = [field for each in everything for field in each.query_params]
    return Declared(
        query=None if "query" in read else _names(query),
        form=_names(forms) if forms else None,
        is_read="form" in read,
        is_json=len(body) > len(forms),
    )


def _walk(dependant: Dependant) -> Iterable[Dependant]:
    yield dependant
    for each in dependant.dependencies:
        yield from _walk(each)


def _names(fields: Iterable[Any]) -> Names:
    """The names that fields of FastAPI stand for; a model stands for its own fields."""
    single: set[str] = set()
    many: set[str] = set()
    for field in fields:
        annotation = field.field_info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            names = names_of(annotation)
            single |= names.single
            many |= names.many
        else:
            (many if _takes_many(annotation) else single).add(field.alias)
    return Names(frozenset(single), frozenset(many))


def _takes_many(annotation: Any) -> bool:
    if get_origin(annotation) in (Union, UnionType):
        return any(map(_takes_many, get_args(annotation)))
    return get_origin(annotation) in (list, set, tuple, frozenset)
