"""JSON bodies and filters are strict: no type is converted, and an unknown value is not taken as empty."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.db.engine import Database
from tests.factories import Made

Scripts = dict[str, TestClient]
MANY = "/api/v1/datasets/faces/bulk-decisions"
SAMPLES = "/api/v1/datasets/faces/samples"


def test_a_client_id_stands_for_one_whole_request(api: Scripts, made: Made) -> None:
    ann, x = api["ann"], made.sample_ids
    body = {"samples": x[:2], "expected": 2, "verdict": "delete", "client_id": "many"}
    first = ann.post(MANY, json=body)
    assert first.status_code == 201
    assert ann.post(MANY, json=body | {"samples": [x[1], x[0], x[1]]}).json() == first.json()
    for other in (
        {"samples": x[2:9], "expected": 7},
        {"samples": x[2:4]},
        {"expected": 999},
        {"verdict": "keep"},
        {"samples": None, "where": {}},
    ):
        assert ann.post(MANY, json=body | other).status_code == 409, other
    assert ann.get(SAMPLES, params={"verdict": "delete"}).json()["matching"] == 2
    where = {"where": {"class": "cat"}, "expected": 6, "verdict": "keep", "client_id": "by filter"}
    where["expected"] = ann.get(SAMPLES, params={"class": "cat"}).json()["matching"]
    again = ann.post(MANY, json=where)
    assert again.status_code == 201
    assert ann.post(MANY, json=where).json() == again.json()
    assert ann.post(MANY, json=where | {"where": {"class": "dog"}}).status_code == 409


def test_a_repeat_says_again_how_many_were_left_alone(api: Scripts, made: Made) -> None:
    ann, x = api["ann"], made.sample_ids
    alone = {"sample": x[0], "verdict": "keep", "client_id": "alone"}
    ann.post("/api/v1/datasets/faces/decisions", json=alone)
    body = {"samples": x[:3], "expected": 3, "verdict": "delete", "client_id": "many"}
    first = ann.post(MANY, json=body).json()
    assert (first["samples"], first["left_alone"]) == (2, 1)
    assert ann.post(MANY, json=body).json() == first


def test_the_grid_refuses_a_client_id_of_another_action(
    browser_of: Scripts, database: Database, made: Made
) -> None:
    ann, form = browser_of["ann"], {"answer": "delete", "client_id": "one"}
    assert ann.post("/d/faces/images/verdicts", data=form | {"samples": made.ranked[:1]}).status_code == 303
    assert ann.post("/d/faces/images/verdicts", data=form | {"samples": made.ranked[1:4]}).status_code == 409
    undo = {"action": "1", "client_id": "one"}
    assert ann.post("/d/faces/images/undo", data=undo).status_code == 409


@pytest.mark.parametrize(
    ("address", "body"),
    [
        (MANY, {"samples": [1], "expected": True, "verdict": "keep", "client_id": "a"}),
        (MANY, {"samples": [1], "expected": 1.0, "verdict": "keep", "client_id": "a"}),
        (MANY, {"samples": [1], "expected": "1", "verdict": "keep", "client_id": "a"}),
        (MANY, {"samples": [True], "expected": 1, "verdict": "keep", "client_id": "a"}),
        (MANY, {"where": {"duplicates": 1}, "expected": 0, "verdict": "keep", "client_id": "a"}),
        ("/api/v1/datasets/faces/decisions", {"sample": True, "verdict": "keep", "client_id": "a"}),
        ("/api/v1/datasets/faces/decisions", {"sample": 1.0, "verdict": "keep", "client_id": "a"}),
        ("/api/v1/datasets/faces/worklist/claims", {"count": True}),
        ("/api/v1/datasets/faces/worklist/claims", {"queue": {"duplicates": "true"}}),
        ("/api/v1/datasets/faces/audits", {"size": 30.0}),
        ("/api/v1/datasets/faces/gold", {"size": 30.0}),
        ("/api/v1/datasets/faces/runs", {"seed": True}),
        ("/api/v1/datasets/faces/runs", {"retrain": 1}),
    ],
)
def test_no_kind_of_value_is_turned_into_another(
    api: Scripts, made: Made, address: str, body: dict[str, Any]
) -> None:
    answer = api["ada"].post(address, json=body)
    assert answer.status_code == 422
    assert "is not as expected" in answer.json()["message"]


@pytest.mark.parametrize(
    ("query", "there_are"),
    [
        ("split=Train", "train, valid, test"),
        ("split=training", "train, valid, test"),
        ("verdict=kep", "keep, relabel, delete, unsure"),
        ("annotator=nobody", "ada, ann, bob"),
    ],
)
def test_a_filter_value_that_there_is_not_is_refused(
    api: Scripts, browser_of: Scripts, made: Made, query: str, there_are: str
) -> None:
    answer = api["ann"].get(f"{SAMPLES}?{query}")
    assert answer.status_code == 422
    assert f"there are {there_are}" in answer.json()["message"]
    page = browser_of["ann"].get(f"/d/faces/images?{query}")
    assert page.status_code == 422
    assert there_are in page.text
    field, _, value = query.partition("=")
    body = {"where": {field: value}, "expected": 0, "verdict": "keep", "client_id": "a"}
    assert api["ann"].post(MANY, json=body).status_code == 422
    assert api["ann"].get(f"{SAMPLES}?split=train&verdict=keep&annotator=bob").status_code == 200


@pytest.mark.parametrize("field", ["min_kb", "max_kb"])
@pytest.mark.parametrize("value", ["-1", "2000001", "9" * 30, "1.5", "many", "NaN"])
def test_a_file_size_that_is_no_number_of_kilobytes_is_refused(
    api: Scripts, browser_of: Scripts, made: Made, field: str, value: str
) -> None:
    words = f"“{field}” is not as expected: give a whole number of kilobytes from 0 to 2,000,000."
    listed = api["ann"].get(SAMPLES, params={field: value})
    assert (listed.status_code, listed.json()["message"]) == (422, f"{words} See /api/v1/openapi.json.")
    for page in ("images", "review"):
        shown = browser_of["ann"].get(f"/d/faces/{page}", params={field: value})
        assert shown.status_code == 422
        assert words in shown.text


@pytest.mark.parametrize("value", ["", "5", True, 5.0])
def test_a_file_size_in_a_body_is_a_number(api: Scripts, made: Made, value: object) -> None:
    body = {"where": {"min_kb": value}, "expected": 0, "verdict": "keep", "client_id": "a"}
    refused = api["ann"].post(MANY, json=body)
    assert refused.status_code == 422
    assert "“where.min_kb” is not as expected: give a whole number" in refused.json()["message"]


def test_samples_are_listed_and_judged_by_their_file_size(api: Scripts, made: Made) -> None:
    ann = api["ann"]
    sizes = [item["bytes"] for item in ann.get(SAMPLES).json()["items"]]
    assert max(sizes) < 1000
    assert ann.get(SAMPLES, params={"max_kb": 1}).json()["matching"] == len(sizes)
    assert ann.get(SAMPLES, params={"min_kb": 1}).json()["matching"] == 0
    crossed = ann.get(SAMPLES, params={"min_kb": 2, "max_kb": 1})
    assert crossed.status_code == 422
    assert crossed.json()["message"].startswith("No file has at least 2 kB and at most 1 kB;")
    body = {"where": {"max_kb": 1}, "expected": len(sizes), "verdict": "keep", "client_id": "a"}
    assert ann.post(MANY, json=body).json()["samples"] == len(sizes)
