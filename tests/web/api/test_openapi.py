"""The description of the API: examples and errors of every operation, and answers that keep to it."""

import re
from collections import Counter
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.db.engine import Database
from app.main import create_app
from app.settings import Settings
from app.web.api.openapi import operations
from tests.conftest import People
from tests.factories import Made

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def schema(api: dict[str, TestClient]) -> dict[str, Any]:
    return api["ann"].get("/api/v1/openapi.json").json()


def test_every_operation_has_a_name_words_examples_and_its_errors(schema: dict[str, Any]) -> None:
    names = Counter(operation["operationId"] for _, _, operation in operations(schema))
    assert len(names) > 45
    assert max(names.values()) == 1
    for path, method, operation in operations(schema):
        what = f"{method} {path}"
        assert operation["description"], what
        assert all("example" in each for each in operation.get("parameters", ())), what
        assert {"401", "403", "404", "409", "422", "503"} <= operation["responses"].keys(), what
        for media in operation.get("requestBody", {"content": {}})["content"].values():
            assert "example" in media, what
        good = {status: answer for status, answer in operation["responses"].items() if status < "300"}
        assert good, what
        for status, answer in good.items():
            if status != "204":
                assert answer["content"], what
            for kind, media in answer.get("content", {}).items():
                assert ("example" in media) == (kind == "application/json"), what


def test_every_example_is_what_its_schema_allows(schema: dict[str, Any]) -> None:
    from jsonschema_rs import validator_for

    checked = 0
    for path, method, operation in operations(schema):
        contents = [operation.get("requestBody", {}).get("content", {})]
        contents += [answer.get("content", {}) for answer in operation["responses"].values()]
        for content in contents:
            media = content.get("application/json")
            if media:
                whole = media["schema"] | {"components": schema["components"]}
                problems = [str(each) for each in validator_for(whole).iter_errors(media["example"])]
                assert problems == [], f"{method} {path}"
                checked += 1
    assert checked > 100


def test_downloads_say_their_types(schema: dict[str, Any], api: dict[str, TestClient], made: Made) -> None:
    described = schema["paths"]["/api/v1/datasets/{name}/export"]["get"]["responses"]["200"]["content"]
    assert {"text/csv", "application/zip", "application/x-ndjson"} <= described.keys()
    got = api["ann"].get("/api/v1/datasets/faces/export?format=jsonl")
    assert got.headers["content-type"].partition(";")[0] in described
    images = schema["paths"]["/api/v1/samples/{sample_id}/image"]["get"]["responses"]
    assert {"200", "206", "304", "416"} <= images.keys()


def test_people_read_it_at_docs_and_nobody_else(
    browser_of: dict[str, TestClient], visitor: TestClient, schema: dict[str, Any], made: Made
) -> None:
    page = browser_of["ann"].get("/docs")
    assert page.status_code == 200
    for path, _, operation in operations(schema):
        assert f'id="{operation["operationId"]}"' in page.text
        assert path in page.text
    assert not re.findall(r"(?:src|href)=\"(?!/|#)[^\"]*", page.text)
    assert "<script" not in page.text.partition("<main")[2]
    assert visitor.get("/docs").status_code in (303, 401)


def test_answers_keep_to_the_description_whatever_is_sent(
    settings: Settings, database: Database, people: People, made: Made
) -> None:
    import schemathesis
    from hypothesis import HealthCheck, Phase, given
    from hypothesis import settings as rules
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

    app = create_app(settings, database)
    headers = {"authorization": f"Bearer {people.tokens['ada']}"}
    described = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app, headers=headers)
    checks = [
        not_a_server_error,
        status_code_conformance,
        content_type_conformance,
        response_schema_conformance,
    ]
    there = {"name": "faces", "run_id": made.run_id, "sample_id": made.sample_ids[0], "class_name": "cat"}
    statuses: Counter[int] = Counter()
    tried = 0
    for result in described.get_all_operations():
        operation = result.ok()

        @rules(
            max_examples=4,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def one(case: Any) -> None:
            statuses[case.call_and_validate(headers=headers, checks=checks).status_code] += 1
            if case.method != "DELETE":  # and the same of what there is
                case.path_parameters = {
                    name: there.get(name, value) for name, value in case.path_parameters.items()
                }
                statuses[case.call_and_validate(headers=headers, checks=checks).status_code] += 1

        one()
        tried += 1
    assert tried > 45
    assert min(statuses[200], statuses[404], statuses[422]) > 20, statuses
