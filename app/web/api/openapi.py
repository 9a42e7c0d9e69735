"""The API's own description: made from the routes, with examples and every error."""

import re
from collections import Counter
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi

from app.web.api.examples import PATHS, VALUES, example
from app.web.idempotency import PARAMETER

router = APIRouter(prefix="/api/v1")
RENAMED = "The data set has another name now; `Location` has its address"
LOCATION = {"description": "The same address with the new name.", "schema": {"type": "string"}}
METHODS = ("get", "post", "put", "patch", "delete")
DESCRIPTION = (
    "Rank, review and export image labels. Send an API token as `Authorization: Bearer …`; one of the "
    "scope `read` gets 403 for whatever changes something, one of the scope `annotate` for what is an "
    "admin's. Errors are "
    '`{"error", "message", "status"}`. Fields and parameters that are not described are refused with 422. '
    "Lists come in pages: `next` is the `cursor` of the following page. HEAD answers wherever GET does. "
    "JSON, CSV and JSON Lines are compressed for clients that accept gzip."
)


@router.get("/openapi.json", include_in_schema=False)
def openapi(request: Request) -> dict[str, Any]:
    """OpenAPI 3.1, made from the routes."""
    return described(request.app)


def described(app: FastAPI) -> dict[str, Any]:
    """The description of an app, made once."""
    if app.openapi_schema is None:
        schema = get_openapi(title="Toploss", version=app.version, routes=app.routes, description=DESCRIPTION)
        schema["paths"] = {
            path: item for path, item in schema["paths"].items() if path.startswith("/api/")
        }  # the pages are for people
        schema["components"]["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
        schema["security"] = [{"bearer": []}]
        _name_operations(schema)
        _name_schemas(schema)
        for path, method, operation in operations(schema):
            if method == "post":
                operation.setdefault("parameters", []).append(PARAMETER)
            if "/datasets/{name}" in path:
                operation["responses"]["308"] = {"description": RENAMED, "headers": {"Location": LOCATION}}
            _add_examples(operation, schema["components"]["schemas"])
        app.openapi_schema = schema
    return app.openapi_schema


def operations(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and operation."""
    for path, item in schema["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def _name_operations(schema: dict[str, Any]) -> None:
    """Names for generated clients: those of the functions, with their tag where two have the same."""
    named = [
        (operation, operation["operationId"].split("_api_v1_")[0], operation["tags"][0])
        for _, _, operation in operations(schema)
    ]
    count = Counter(name for _, name, _ in named)
    for operation, name, tag in named:
        operation["operationId"] = name if count[name] == 1 and "_" in name else f"{name}_{tag}"


def _name_schemas(schema: dict[str, Any]) -> None:
    """Keep the schemas that operations refer to, under names that make good names of classes."""
    there = schema["components"]["schemas"]
    forms = {
        operation["requestBody"]["content"][kind]["schema"]["$ref"]: operation["operationId"]
        for _, _, operation in operations(schema)
        for kind in operation.get("requestBody", {}).get("content", ())
        if "form" in kind
    }
    used: dict[str, str] = {}  # the name of each by its reference
    waiting = _references(schema["paths"])
    while waiting:
        reference = waiting.pop()
        if reference in used:
            continue
        name = reference.rpartition("/")[2]
        used[reference] = _class_name(name, forms.get(reference), taken=set(used.values()))
        waiting += _references(there[name])
    for _, _, operation in operations(schema):
        _refer(operation, used)
    kept = {used[reference]: there[reference.rpartition("/")[2]] for reference in used}
    for name, below in kept.items():
        _refer(below, used)
        below["title"] = name
        for field in below.get("properties", {}).values():
            for each in (field, field.get("items", {}), *field.get("anyOf", ())):
                if "contentMediaType" in each:
                    each["format"] = "binary"  # as generators of clients know a file
    schema["components"]["schemas"] = dict(sorted(kept.items()))


def _class_name(name: str, operation: str | None, *, taken: set[str]) -> str:
    words = f"{operation}_form" if operation else name.rpartition("__")[2]
    short = "".join(
        word[:1].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", words.replace("_", " "))
    )
    if short not in taken:
        return short
    room = name.split("__")[-2].title() if "__" in name else "Other"
    return f"{room}{short}"


def _references(part: Any) -> list[str]:
    if isinstance(part, list):
        return [each for below in part for each in _references(below)]
    if isinstance(part, dict):
        found = [each for below in part.values() for each in _references(below)]
        return [*found, part["$ref"]] if isinstance(part.get("$ref"), str) else found
    return []


def _refer(part: Any, names: dict[str, str]) -> None:
    """Write the new names into every reference."""
    if isinstance(part, list):
        for each in part:
            _refer(each, names)
    elif isinstance(part, dict):
        if isinstance(part.get("$ref"), str) and part["$ref"] in names:
            part["$ref"] = f"#/components/schemas/{names[part['$ref']]}"
            return
        for each in part.values():
            _refer(each, names)


def _add_examples(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", ()):
        name, below = parameter["name"], parameter["schema"]
        said = PATHS.get(name, VALUES.get(name)) if parameter["in"] == "path" else None
        if "example" not in parameter:
            parameter["example"] = said if said is not None else example(below, schemas, name=name)
    contents = [operation["requestBody"]["content"]] if "requestBody" in operation else []
    for status, answer in operation["responses"].items():
        if status.startswith(("4", "5")):
            answer["content"] = {
                "application/json": answer["content"]["application/json"] | {"example": _problem(int(status))}
            }
        elif "content" in answer:
            contents.append(answer["content"])
    for content in contents:
        for kind, media in content.items():
            if kind == "application/json" or "form" in kind:
                media.setdefault("example", example(media.get("schema", {}), schemas))


def _problem(status: int) -> dict[str, Any]:
    code, message = _PROBLEMS.get(status, ("error", HTTPStatus(status).phrase))
    return {"error": code, "message": message, "status": status}


_PROBLEMS = {
    400: (
        "invalid",
        "The body of this request cannot be read, so nothing was changed; send it again, complete.",
    ),
    401: ("not_signed_in", "Sign in to continue, or send an API token as “Authorization: Bearer …”."),
    403: ("forbidden", "Only an admin can do this; ask one, or sign in as one."),
    404: ("not_found", "There is no data set named photos; the list of data sets shows the ones there are."),
    409: ("conflict", "The data set photos is being imported; wait until it is ready."),
    413: ("too_large", "This is larger than what can be sent here."),
    422: ("invalid", "There is no parameter “lmit”; did you mean “limit”? There are: cursor, limit."),
    503: ("unavailable", "The database is busy; try again."),
    507: ("storage_full", "The disk is full; free some space, then try again."),
}
