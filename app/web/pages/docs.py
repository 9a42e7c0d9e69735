"""The description of the REST API for people."""

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import Response

from app.web.api.openapi import described, operations
from app.web.rendering import Page, page_context, render

router = APIRouter()


@dataclass(frozen=True)
class FieldView:
    """A parameter, or a field of a body."""

    name: str
    place: str  # path, query, header or body
    kind: str
    words: str
    is_needed: bool


@dataclass(frozen=True)
class AnswerView:
    """One answer of an operation."""

    status: str
    words: str
    kinds: str  # content types


@dataclass(frozen=True)
class OperationView:
    """One operation."""

    anchor: str
    method: str
    path: str
    words: str
    fields: tuple[FieldView, ...]
    sent: str  # an example
    received: str  # an example
    answers: tuple[AnswerView, ...]


@dataclass(frozen=True, kw_only=True)
class DocsPage(Page):
    """Every operation, by tag."""

    words: str
    groups: tuple[tuple[str, tuple[OperationView, ...]], ...]


@router.get("/docs")
def index(request: Request) -> Response:
    """The operations of the REST API, with examples."""
    description, groups = _groups(request.app)
    return render("docs/page.html", DocsPage(**page_context(request), words=description, groups=groups))


@cache
def _groups(app: FastAPI) -> tuple[str, tuple[tuple[str, tuple[OperationView, ...]], ...]]:
    schema = described(app)
    found: dict[str, list[OperationView]] = {}
    for path, method, operation in operations(schema):
        view = _view(path, method, operation, schema["components"]["schemas"])
        found.setdefault(operation["tags"][0], []).append(view)
    return schema["info"]["description"], tuple((tag, tuple(views)) for tag, views in found.items())


def _view(path: str, method: str, operation: dict[str, Any], schemas: dict[str, Any]) -> OperationView:
    body = operation.get("requestBody", {}).get("content", {})
    sent: dict[str, Any] = next(iter(body.values()), {})
    received = ""
    answers = []
    for status, answer in operation["responses"].items():
        content = answer.get("content", {})
        answers.append(AnswerView(status, answer["description"], ", ".join(content)))
        example = content.get("application/json", {}).get("example")
        if status.startswith("2") and example is not None and not received:
            received = _shown(example)
    return OperationView(
        anchor=operation["operationId"],
        method=method.upper(),
        path=path,
        words=_plain(operation),
        fields=(
            *(_parameter(each) for each in operation.get("parameters", ())),
            *_fields(sent.get("schema", {}), schemas),
        ),
        sent=_shown(sent["example"]) if "example" in sent else "",
        received=received,
        answers=tuple(sorted(answers, key=lambda each: each.status)),
    )


def _parameter(said: dict[str, Any]) -> FieldView:
    return FieldView(
        said["name"],
        said["in"],
        _kind(said["schema"]),
        _plain(said),
        bool(said.get("required")),
    )


def _fields(schema: dict[str, Any], schemas: dict[str, Any]) -> list[FieldView]:
    for several in schema.get("anyOf", ()):
        if "$ref" in several:
            return _fields(several, schemas)
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    needed = schema.get("required", ())
    return [
        FieldView(name, "body", _kind(below), _plain(below), name in needed)
        for name, below in schema.get("properties", {}).items()
    ]


def _kind(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"] if each.get("type") != "null")
    if "enum" in schema:
        return ", ".join(str(each) or "“”" for each in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    if schema.get("format") == "binary" or "contentMediaType" in schema:
        return "file"
    return str(schema.get("type", "object"))


def _plain(said: dict[str, Any]) -> str:
    """The description without the marks of code."""
    return str(said.get("description", "")).replace("`", "")


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1)
