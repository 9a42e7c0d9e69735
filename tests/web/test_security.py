"""Who gets in, and from where."""

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers
from starlette.routing import Route

from app.db import Database
from app.main import create_app
from app.settings import Settings
from app.web.security import is_cross_site
from tests.conftest import People

OPEN = {"/login", "/healthz"}


def routes(app: FastAPI) -> list[tuple[str, str]]:
    """Every method and path, through routers inside routers."""
    found: list[tuple[str, str]] = []

    def walk(items: list, prefix: str = "") -> None:
        for item in items:
            if isinstance(item, Route):
                found.extend((method, prefix + item.path) for method in item.methods)
            else:
                inner = getattr(item, "router", None) or getattr(item, "original_router", None)
                if inner is not None:
                    walk(inner.routes, prefix)

    walk(list(app.routes))
    return found


def test_nothing_answers_without_a_log_in_but_the_log_in_page_health_and_static_files(
    settings: Settings, database: Database, visitor: TestClient
) -> None:
    everything = routes(create_app(settings, database))
    assert len(everything) > 40
    for method, path in everything:
        if path in OPEN:
            continue
        address = path.replace("{name}", "x").replace("{sample_id}", "1").replace("{run_id}", "1")
        answer = visitor.request(method, address.replace("{", "").replace("}", ""))
        redirected = answer.status_code == 303 and answer.headers["location"].startswith("/login")
        assert redirected or answer.status_code == 401, (method, path, answer.status_code)


def test_static_files_and_health_are_open(visitor: TestClient) -> None:
    assert visitor.get("/static/app.css").status_code == 200
    assert visitor.get("/healthz").json() == {"status": "ok"}


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
    ],
)
def test_a_change_from_another_site_is_refused(
    browser_of: dict[str, TestClient], headers: dict[str, str]
) -> None:
    client = browser_of["ada"]
    if "origin" in headers:
        del client.headers["sec-fetch-site"]
    answer = client.post("/logout", headers=headers)
    assert answer.status_code == 403
    assert client.get("/", headers={"sec-fetch-site": "same-origin"}).status_code == 200


def test_a_script_with_a_token_is_not_a_site(api: dict[str, TestClient]) -> None:
    answer = api["ada"].post("/api/v1/datasets/none/versions", headers={"origin": "http://elsewhere.example"})
    assert answer.status_code == 404


@given(
    st.sampled_from(["GET", "HEAD", "OPTIONS"]),
    st.sampled_from(["cross-site", "same-site", "same-origin", "none"]),
)
def test_reading_is_never_refused_for_its_origin(method: str, site: str) -> None:
    assert not is_cross_site(
        method, Headers({"sec-fetch-site": site, "origin": "http://evil.example", "host": "here"})
    )


def test_every_answer_carries_the_security_headers(visitor: TestClient, people: People) -> None:
    for path in ("/login", "/static/app.css", "/api/v1/datasets", "/nowhere"):
        answer = visitor.get(path)
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"], path
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(
    visitor: TestClient, people: People
) -> None:
    answer = visitor.post("/login", data={"name": "ann", "password": "correct horse"})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "no-store" in answer.headers["cache-control"]
