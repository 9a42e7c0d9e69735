"""Examples for the API's description: each is made from its schema, with values that a name suggests."""

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]
PATHS: dict[str, Any] = {"class_name": "cat", "number": 1}  # parameters that say something else than fields
VALUES: dict[str, Any] = {
    "after_run": 1,
    "annotator": "ada",
    "by": "ada",
    "class": "cat",
    "classes": ["cat", "dog"],
    "client_id": "5f0c9b1e",
    "cursor": "100",
    "dataset": "photos",
    "digest": "9f2c1e0d4b7a",
    "done": 120,
    "error": "not_found",
    "file": "photos.zip",
    "format": "csv",
    "given": "dog",
    "given_label": "dog",
    "id": 1,
    "image_url": "/api/v1/samples/1/image",
    "job": "0c9b2a54-6e1f-4d7e-9c1a-0b6f2f6f0a11",
    "job_id": "0c9b2a54-6e1f-4d7e-9c1a-0b6f2f6f0a11",
    "kind": "dark",
    "label": "cat",
    "labels": 1,
    "limit": 100,
    "message": "There is no data set named photos; the list of data sets shows the ones there are.",
    "milliseconds": 1800,
    "name": "photos",
    "next": None,
    "order": "rank",
    "path": "train/cat/0001.png",
    "predicted": "cat",
    "predicted_label": "cat",
    "rank": 1,
    "recipe": "quick",
    "reviewers": ["ada"],
    "run": 1,
    "sample": 1,
    "samples": 1500,
    "secret": "9b1c0f6e2d4a8f7350c1",
    "seed": 0,
    "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "split": "train",
    "start": "auto",
    "state": "finished",
    "status": "single",
    "task": "train",
    "total": 1500,
    "url": "https://example.org/hook",
    "verdict": "relabel",
    "version": 1,
    "weights": "none",
}
BY_TYPE: dict[str, Any] = {"string": "text", "integer": 1, "number": 0.5, "boolean": True, "null": None}
MOMENT = "2026-11-28T12:00:00Z"


def example(schema: Schema, schemas: Schema, *, name: str = "") -> Any:
    """A value that the schema allows; `schemas` are those that it may refer to by name."""
    if "$ref" in schema:
        return example(schemas[schema["$ref"].rpartition("/")[2]], schemas, name=name)
    if allowed := schema.get("enum", [schema["const"]] if "const" in schema else []):
        usual = VALUES.get(name)
        return usual if usual in allowed else allowed[0]
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return example(schema[several][0], schemas, name=name)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    return {"object": _object, "array": _list}.get(kind, _plain)(schema, schemas, name)


def _list(schema: Schema, schemas: Schema, name: str) -> Any:
    usual = VALUES.get(name)
    return usual if isinstance(usual, list) else [example(schema.get("items", {}), schemas)]


def _object(schema: Schema, schemas: Schema, name: str) -> Any:
    del name
    found = {
        field: example(below, schemas, name=field) for field, below in schema.get("properties", {}).items()
    }
    more = schema.get("additionalProperties")
    if not found and isinstance(more, Mapping):
        return {"cat": example(more, schemas)}
    return found


def _plain(schema: Schema, schemas: Schema, name: str) -> Any:
    del schemas
    kind = schema.get("type", "string")
    if schema.get("format") == "date-time":
        return MOMENT
    usual = VALUES.get(name, schema.get("default"))
    fitting = {"string": str, "integer": int, "number": int | float, "boolean": bool}.get(kind)
    if fitting is not None and isinstance(usual, fitting) and isinstance(usual, bool) == (kind == "boolean"):
        return usual
    if kind in ("integer", "number"):
        number = max(schema.get("minimum", 0), min(BY_TYPE[kind], schema.get("maximum", BY_TYPE[kind])))
        return int(number) if kind == "integer" else number
    return BY_TYPE.get(kind)
