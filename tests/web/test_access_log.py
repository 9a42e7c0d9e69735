"""Every answer has the id of its request, and every request a line with it."""

import json
import logging
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient

from app.db.engine import Database
from app.main import create_app
from app.settings import Settings
from tests.conftest import People
from tests.factories import Made
from tests.servers import start_server

ID = "x-request-id"


@pytest.mark.parametrize(
    "path", ["/", "/login", "/healthz", "/static/app.css", "/nothing", "/api/v1/datasets", "/d/faces/images"]
)
def test_every_answer_has_an_id_or_that_of_the_proxy(browser_of: dict[str, TestClient], path: str) -> None:
    first, second = (browser_of["ada"].get(path).headers[ID] for _ in range(2))
    assert first != second
    assert browser_of["ada"].get(path, headers={ID: "from-the-proxy"}).headers[ID] == "from-the-proxy"


def test_a_failure_shows_its_id_and_its_lines_have_it(
    settings: Settings, database: Database, people: People, made: Made, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(settings, database)

    def fail() -> None:
        raise RuntimeError("of the test")

    for path in ("/fails", "/api/v1/fails"):
        app.router.add_route(path, lambda _request: fail(), methods=["GET"])
    with TestClient(app, raise_server_exceptions=False) as client:
        page = client.get("/fails", headers={ID: "known-by-the-proxy"})
        answer = client.get("/api/v1/fails")
    assert (page.status_code, page.headers[ID]) == (500, "known-by-the-proxy")
    assert "<code>known-by-the-proxy</code>" in page.text
    assert answer.json()["request_id"] == answer.headers[ID]


def test_a_server_logs_each_request_in_json_without_what_is_secret(tmp_path: Path, sqlite_url: str) -> None:
    more = {"TOPLOSS_LOG_FORMAT": "json", "TOPLOSS_ACCESS_LOG": "on"}
    token = "q3zZ_x-0" * 6
    with start_server(tmp_path / "data", **more) as server:
        asked = f"{server.url}/nothing/{token}?token=secret-of-the-query"
        httpx.get(asked, headers={ID: "the-proxys-id"}, timeout=60)
        httpx.get(f"{server.url}/%0A%1B[31mred", timeout=60)
        httpx.get(f"{server.url}/static/app.css", timeout=60)
        server.stop()
        text = server.log.read_text()
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    found = [line for line in lines if line.get("request_id") == "the-proxys-id"]
    assert [(each["method"], each["path"], each["status"]) for each in found] == [("GET", "/nothing/…", 404)]
    assert found[0]["logger"] == "app.web.access_log"
    assert found[0]["milliseconds"] > 0
    assert [line["path"] for line in lines if "red" in line.get("path", "")] == ["/%0A%1B%5B31mred"]
    assert "/static/" not in text
    assert token not in text
    assert "secret-of-the-query" not in text


def test_a_setting_turns_the_lines_of_requests_off(
    settings: Settings, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    for choice, count in (("on", 1), ("off", 0)):
        chosen = settings.model_copy(update={"access_log": choice})
        caplog.clear()
        with caplog.at_level(logging.INFO), TestClient(create_app(chosen, database)) as client:
            client.get("/login", follow_redirects=False)
        assert len([line for line in caplog.records if line.name == "app.web.access_log"]) == count
