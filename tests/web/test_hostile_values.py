"""Hostile values in every field, parameter, part of an address and header: a sentence, never a 500."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from app.db.engine import Database
from app.main import create_app
from app.settings import Settings
from tests.factories import Made
from tests.web.addresses import Address, addresses

API = "/api/v1"
TEXTS = ("a\0b", "/" + "x" * 5000, "9" * 5000, "1e999", str(2**63), "\ud800", "nan")
NUMBERS: tuple[Any, ...] = (
    2**70,
    -(2**63) - 1,
    1e308,
    float("nan"),
    float("inf"),
    True,
    None,
    [],
    {},
    "a\0b",
    "\ud800",
)
KEPT = {
    "/logout",
    "/people/{name}",
    "/account/password",
}  # they end the log-in of who asks


@pytest.fixture
def everything(settings: Settings, database: Database) -> list[Address]:
    return [each for each in addresses(create_app(settings, database)) if each.path not in KEPT]


def at(address: Address, made: Made, **changed: str) -> str:
    known = {"name": "faces", "run_id": made.run_id, "sample_id": made.sample_ids[0], "what": "epochs"}
    return address.at(**(known | changed))


@cache
def sent(text: str) -> str:
    """The text in a form of an address: percent-encoded, half a character too."""
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))


def holds(answer: Response, *told: object) -> None:
    assert answer.status_code < 500, (*told, answer.status_code)
    by_token = answer.request.headers.get("authorization", "").lower().startswith("bearer ")
    if answer.status_code >= 400 and (by_token or "/api/" in str(answer.request.url)):
        assert answer.json().keys() == {"error", "message", "status"}, told
    elif answer.status_code >= 400:
        assert "<!doctype html>" in answer.text, told


def test_hostile_parameters_are_answered_in_a_sentence(
    browser_of: dict[str, TestClient], everything: list[Address], made: Made
) -> None:
    for address in everything:
        for name in address.query:
            for text in TEXTS:
                url = f"{at(address, made)}?{name}={sent(text)}"
                holds(browser_of["ada"].request(address.method, url), str(address), name, text[:20])


def test_hostile_parts_of_an_address_are_answered_in_a_sentence(
    browser_of: dict[str, TestClient], everything: list[Address], made: Made
) -> None:
    for address in everything:
        for part in (
            "name",
            "run_id",
            "sample_id",
            "photo_id",
            "job_id",
            "token_id",
            "decision_id",
            "action_id",
            "what",
        ):
            for text in TEXTS if f"{{{part}}}" in address.path else ():
                answer = browser_of["ada"].request(address.method, at(address, made, **{part: sent(text)}))
                holds(answer, str(address), part, text[:20])


def test_hostile_fields_of_a_form_are_answered_in_a_sentence(
    browser_of: dict[str, TestClient], everything: list[Address], made: Made
) -> None:
    usual = {
        "sample": "1",
        "samples": "1",
        "answer": "keep",
        "client_id": "a",
        "action": "1",
        "size": "20",
        "name": "a",
    }
    kind = {"content-type": "application/x-www-form-urlencoded"}
    for address in everything:
        if address.path == "/login":
            continue  # a password is hashed for each
        for name in address.form:
            for text in TEXTS:
                others = "&".join(
                    f"{key}={value}" for key, value in usual.items() if key in address.form and key != name
                )
                body = f"{name}={sent(text)}&{others}".rstrip("&")
                answer = browser_of["ada"].request(
                    address.method, at(address, made), content=body, headers=kind
                )
                holds(answer, str(address), name, text[:20])


def bodies(schema: dict[str, Any], everything: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """A field's name, and the schema's body with a hostile value in that field."""
    usual = {
        "sample": 1,
        "verdict": "keep",
        "client_id": "a",
        "samples": [1],
        "expected": 1,
        "size": 20,
        "kind": "cards",
        "amount": 1,
    }
    names = schema["properties"]
    for name in names:
        for value in NUMBERS:
            body = {key: usual[key] for key in names if key in usual} | {name: value}
            yield name, json.dumps(body)
        if "$ref" in json.dumps(names[name]):
            inner = everything[json.dumps(names[name]).partition("schemas/")[2].partition('"')[0]]
            for field in inner["properties"]:
                for value in NUMBERS:
                    yield f"{name}.{field}", json.dumps({**usual_of(names, usual), name: {field: value}})


def usual_of(names: dict[str, Any], usual: dict[str, Any]) -> dict[str, Any]:
    return {key: usual[key] for key in names if key in usual and key != "samples"}


def test_hostile_fields_of_a_json_body_are_answered_in_a_sentence(
    api: dict[str, TestClient], made: Made
) -> None:
    described = api["ada"].get(f"{API}/openapi.json").json()
    schemas, tried = described["components"]["schemas"], 0
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if not content:
                continue
            [reference] = {part.partition('"')[0] for part in json.dumps(content).split("schemas/")[1:]}
            for name, body in bodies(schemas[reference], schemas):
                url = path.replace("{name}", "faces")
                headers = {"content-type": "application/json"}
                answer = api["ada"].request(method, url, content=body, headers=headers)
                holds(answer, method, path, name, body[:80])
                tried += 1
    assert tried > 200


IN_SQL = ("authorization", "cookie")  # a token of theirs is looked up in the database


def hold_with_header(client: TestClient, made: Made, name: str) -> None:
    """Hostile header values get a sentence on a page, a file, a download, an unknown address and a form."""
    for text in (
        *TEXTS,
        "Bearer \x00",
        "http://[",
        "toploss_session=\xff",
        "multipart/form-data; boundary=\xff; charset=no",
    ):
        headers = [(name, text.encode("utf-8", "replace"))]
        for path in (
            "/d/faces",
            f"{API}/samples/{made.sample_ids[0]}/image",
            f"{API}/datasets/faces/export",
            "/nowhere/",
            f"{API}/no",
        ):
            holds(client.get(path, headers=headers), name, path, text[:20])
        form = client.post("/d/faces/review/claims", headers=headers, content=b"hold=1")
        holds(form, name, "a form", text[:20])


@pytest.mark.parametrize("name", IN_SQL)
def test_hostile_headers_with_tokens_are_answered_in_a_sentence(
    browser_of: dict[str, TestClient], made: Made, name: str
) -> None:
    hold_with_header(browser_of["ada"], made, name)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # no value of these is in a statement
@pytest.mark.parametrize(
    "name",
    [
        "content-type",
        "content-length",
        "if-none-match",
        "host",
        "origin",
        "hx-request",
        "hx-current-url",
        "sec-fetch-site",
        "accept",
        "x-forwarded-for",
        "x-forwarded-proto",
        "transfer-encoding",
        "range",
    ],
)
def test_hostile_headers_without_tokens_are_answered_in_a_sentence(
    browser_of: dict[str, TestClient], made: Made, name: str
) -> None:
    hold_with_header(browser_of["ada"], made, name)


@pytest.mark.parametrize("path", ["a\0b", "/" + "x" * 5000, "~nobody-at-all/x", "\ud800", "x" * 300])
def test_an_import_of_a_path_that_cannot_be_is_refused(
    api: dict[str, TestClient], browser_of: dict[str, TestClient], path: str
) -> None:
    kind = {"content-type": "application/x-www-form-urlencoded"}
    body = f"name=new&path={sent(path)}"
    answer = api["ada"].post(f"{API}/datasets", content=body, headers=kind)
    assert answer.status_code in (403, 422), answer.text
    assert browser_of["ada"].post("/datasets/new", content=body, headers=kind).status_code in (403, 422)
