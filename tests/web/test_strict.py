"""What a request says that its address does not know is refused, never left out."""

from collections.abc import Iterator
from types import UnionType
from typing import Any, Union, get_args, get_origin

import pytest
from fastapi.testclient import TestClient
from pydantic import BaseModel
from sqlalchemy import func, select

from app.db.engine import Database
from app.main import create_app
from app.review.models import Decision
from app.settings import Settings
from app.web.pages.accounts.openid import CALLBACK
from app.web.pages.moved import PLACES
from app.web.strict import Strict, unknown_name
from tests.factories import Made
from tests.web.addresses import Address, addresses

API = "/api/v1"
ODD = "no-such-name"
FORM = "application/x-www-form-urlencoded"
PART = f'--x\r\ncontent-disposition: form-data; name="{ODD}"\r\n\r\n1\r\n--x--\r\n'


@pytest.fixture
def everything(settings: Settings, database: Database) -> list[Address]:
    found = list(addresses(create_app(settings, database)))
    assert len(found) > 90
    return found


def refusals(client: TestClient, address: Address) -> Iterator[tuple[str, Any]]:
    """Requests with a name that nothing declares, of every kind that the address may read."""
    where = address.at()
    yield "query", client.request(address.method, where, params={ODD: "1"})
    yield "empty in the query", client.request(address.method, f"{where}?{ODD}=")
    if address.method == "GET":
        return
    if address.body != "json":
        yield "form", client.request(address.method, where, data={ODD: "1"})
        yield (
            "empty in the form",
            client.request(address.method, where, content=f"{ODD}=", headers={"content-type": FORM}),
        )
        headers = {"content-type": "multipart/form-data; boundary=x"}
        yield "multipart", client.request(address.method, where, content=PART, headers=headers)
    if address.body in ("json", "none"):
        yield "json", client.request(address.method, where, json={ODD: 1})


def test_every_address_refuses_a_name_that_it_does_not_declare(
    browser_of: dict[str, TestClient], everything: list[Address]
) -> None:
    for address in everything:
        for how, answer in refusals(browser_of["ada"], address):
            if address.path.removeprefix("/d/{name}/") in PLACES and address.method == "GET":
                assert answer.status_code == 308  # the page it leads to refuses it
                continue
            if address.path == CALLBACK:  # providers add names of their own
                assert answer.status_code == 404  # no provider is set
                continue
            assert answer.status_code == 422, (str(address), how, answer.status_code)
            assert f"“{ODD}”" in answer.text, (str(address), how, answer.text)


def test_an_address_that_takes_a_form_leaves_no_other_body_unread(
    browser_of: dict[str, TestClient], everything: list[Address]
) -> None:
    forms = [each for each in everything if each.body in ("form", "own") and each.method == "POST"]
    assert len(forms) > 15
    for address in forms:
        answer = browser_of["ada"].post(address.at(), json={"size": 1})
        assert (answer.status_code, "takes a form" in answer.text) == (422, True), str(address)


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models in an annotation, and those in their fields."""
    if (
        get_origin(annotation) is not None
        or isinstance(annotation, UnionType)
        or get_origin(annotation) is Union
    ):
        for each in get_args(annotation):
            yield from models(each)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for each in annotation.model_fields.values():
            yield from models(each.annotation)


def test_every_model_of_a_request_refuses_names_at_every_depth(everything: list[Address]) -> None:
    found = {model for address in everything for each in address.models for model in models(each)}
    assert len(found) > 15
    assert [model.__name__ for model in found if not issubclass(model, Strict)] == []


def test_a_misspelt_filter_deletes_nothing(
    api: dict[str, TestClient], browser_of: dict[str, TestClient], made: Made, database: Database
) -> None:
    body = {"where": {"clas": "cat"}, "expected": 24, "verdict": "delete", "client_id": "a"}
    answer = api["ann"].post(f"{API}/datasets/faces/bulk-decisions", json=body)
    assert answer.status_code == 422
    assert "“clas” in “where”; did you mean “class”?" in answer.json()["message"]
    form = {
        "selection": "clas=cat",
        "everything": "true",
        "matching": "24",
        "answer": "delete",
        "client_id": "b",
    }
    page = browser_of["ann"].post("/d/faces/images/verdicts", data=form)
    assert (page.status_code, "did you mean “class”?" in page.text) == (422, True)
    queue = {"queue": "clas=cat"}
    assert browser_of["ann"].post("/d/faces/review/claims", data=queue).status_code == 422
    claim = {"queue": {"clas": "cat"}}
    assert api["ann"].post(f"{API}/datasets/faces/worklist/claims", json=claim).status_code == 422
    assert api["ann"].get(f"{API}/datasets/faces/samples?clas=cat").status_code == 422
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Decision)) == 0


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({}, 422, "“expected” is missing"),
        ({"expected": 5}, 409, "24 images match by now, not 5; nothing was changed"),
        ({"expected": 25}, 409, "24 images match by now, not 25"),
        ({"expected": 24, "samples": [1]}, 422, "either the “samples”"),
        ({"expected": 24, "where": None}, 422, "either the “samples”"),
        ({"expected": 1, "where": None, "samples": [1, 2]}, 409, "2 images are named, not 1"),
        ({"expected": 2, "where": None, "samples": [1, 1]}, 409, "1 images are named, not 2"),
        ({"expected": 24, "wher": {}}, 422, "did you mean “where”?"),
    ],
)
def test_a_verdict_for_many_says_how_many_it_expects(
    api: dict[str, TestClient],
    made: Made,
    database: Database,
    change: dict[str, object],
    status: int,
    words: str,
) -> None:
    body = {"where": {}, "verdict": "delete", "client_id": "a", **change}
    answer = api["ann"].post(f"{API}/datasets/faces/bulk-decisions", json=body)
    assert answer.status_code == status
    assert words in answer.json()["message"]
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Decision)) == 0


def test_an_empty_filter_means_all_for_who_says_how_many_all_are(
    api: dict[str, TestClient], made: Made
) -> None:
    listed = api["ann"].get(f"{API}/datasets/faces/samples?limit=1").json()
    body = {"where": {}, "verdict": "keep", "client_id": "a", "expected": listed["matching"]}
    answer = api["ann"].post(f"{API}/datasets/faces/bulk-decisions", json=body)
    assert (answer.status_code, answer.json()["samples"]) == (201, 24)


@pytest.mark.parametrize(
    ("method", "path", "sent", "said"),
    [
        ("GET", f"{API}/datasets/faces/samples?class=cat&class=dog", {}, "“class” is sent more than once"),
        ("GET", "/d/faces/images?class=cat&class=dog", {}, "“class” is sent more than once"),
        ("GET", "/d/faces/results?old=1&old=2", {}, "“old” is sent more than once"),
        ("GET", "/d/faces/models/retrain?recipe=quick&recipe=paper", {}, "“recipe” is sent more than once"),
        ("POST", "/d/faces/review/claims", {"content": "hold=1&hold=2"}, "“hold” is sent more than once"),
        (
            "POST",
            "/d/faces/review/claims",
            {"content": "queue=class%3Dcat%26class%3Ddog"},
            "“class” is sent more than once",
        ),
        ("POST", "/people/ann", {"content": "role=admin&role=annotator"}, "“role” is sent more than once"),
        ("POST", "/d/faces/models/retrain", {"content": "seed=1&seed=2"}, "“seed” is sent more than once"),
        (
            "POST",
            f"{API}/datasets/faces/bulk-decisions",
            {
                "content": '{"where": {"class": "cat", "class": "dog"}}',
                "headers": {"content-type": "application/json"},
            },
            "“class” is sent more than once",
        ),
    ],
)
def test_what_is_sent_twice_is_refused_where_one_is_asked_for(
    browser_of: dict[str, TestClient], made: Made, method: str, path: str, sent: dict[str, Any], said: str
) -> None:
    answer = browser_of["ada"].request(method, path, **{"headers": {"content-type": FORM}, **sent})
    assert (answer.status_code, said in answer.text) == (422, True), answer.text


def test_a_form_may_carry_a_list(browser_of: dict[str, TestClient], made: Made) -> None:
    fields = "samples=1&samples=2&shown=1&shown=2&answer=keep&client_id=a"
    answer = browser_of["ann"].post(
        "/d/faces/images/verdicts", content=fields, headers={"content-type": FORM}
    )
    assert answer.status_code == 303


def test_the_sentence_names_what_may_be_meant_and_what_there_is() -> None:
    assert (
        unknown_name("clas", ["text", "class"])
        == "There is no field “clas”; did you mean “class”? There are: class, text."
    )
    assert unknown_name("x", [], what="parameter") == "There is no parameter “x”: this address takes none."
    assert len(unknown_name("x" * 9000, ["a"])) < 200


def test_the_description_of_the_api_says_that_other_fields_are_refused(api: dict[str, TestClient]) -> None:
    schemas = api["ann"].get(f"{API}/openapi.json").json()["components"]["schemas"]
    for name in ("BulkRequest", "WhereBody", "ClaimRequest", "DecisionRequest", "RunRequest", "DrawRequest"):
        assert schemas[name]["additionalProperties"] is False, name
    assert "expected" in schemas["BulkRequest"]["required"]
    assert "matching" in schemas["SamplesOut"]["properties"]
