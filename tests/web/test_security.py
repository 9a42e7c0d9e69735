"""Who gets in, and from where."""

import re
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from starlette.datastructures import Headers
from starlette.routing import Route

from app.db.engine import Database
from app.main import create_app
from app.settings import Settings
from app.web.security import is_cross_site
from tests.conftest import PASSWORD, People
from tests.servers import start_server

OPENID = ("/login/openid", "/login/openid/callback", "/login/openid/invited")
OPEN = {"/login", "/choose-password", "/first-admin", *OPENID, "/healthz", "/readyz"}


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
        address = re.sub(r"\{(\w+)(?::\w+)?\}", lambda name: "x" if name[1] == "name" else "1", path)
        answer = visitor.request(method, address)
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


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("/people/", "/people"),
        ("/people//", "/people"),
        ("/d/faces/?x=1", "/d/faces?x=1"),
        ("/static/", "/static"),
        ("//evil.example/", "/evil.example"),
        ("//evil.example", "/evil.example"),
        ("/%5Cevil.example/", "/%5Cevil.example"),
    ],
)
def test_no_redirect_goes_where_the_asker_says_the_host_is(
    visitor: TestClient, path: str, where: str
) -> None:
    for host in ("evil.example", "evil.example/x", "evil.example:80", "a@evil.example", ""):
        answer = visitor.get(f"http://testserver{path}", headers={"host": host})
        assert (answer.status_code, answer.headers["location"]) == (307, where), host


def test_what_came_by_https_stays_with_it(settings: Settings, database: Database, people: People) -> None:
    app = create_app(settings, database)
    for scheme, is_secure in (("http", False), ("https", True)):
        client = TestClient(app, base_url=f"{scheme}://testserver", follow_redirects=False)
        answer = client.post("/login", data={"name": "ann", "password": PASSWORD})
        assert ("secure" in answer.headers["set-cookie"].lower().split("; ")) == is_secure
        assert ("strict-transport-security" in answer.headers) == is_secure
        assert ("strict-transport-security" in client.get("/static/app.css").headers) == is_secure


@pytest.mark.parametrize("value", ["", "127.0.0.1", "*", "10.0.0.0/8, ::1"])
def test_proxies_are_addresses(value: str) -> None:
    assert Settings(_env_file=None, forwarded_allow_ips=value).forwarded_allow_ips == value  # type: ignore[call-arg]


@pytest.mark.parametrize("value", ["proxy", "10.0.0.300", "*,10.0.0.1", "10.0.0.1 10.0.0.2"])
def test_what_is_no_address_of_a_proxy_is_refused(value: str) -> None:
    with pytest.raises(ValidationError, match="forwarded_allow_ips"):
        Settings(_env_file=None, forwarded_allow_ips=value)  # type: ignore[call-arg]


@pytest.mark.parametrize(("proxies", "is_believed"), [("127.0.0.1", True), ("192.0.2.1", False), ("", False)])
def test_only_a_proxy_of_the_settings_is_believed(
    sqlite_url: str, tmp_path: Path, proxies: str, is_believed: bool
) -> None:
    told = {"x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.7"}
    with start_server(
        tmp_path / "data", database_url=sqlite_url, TOPLOSS_FORWARDED_ALLOW_IPS=proxies
    ) as server:
        with httpx.Client(base_url=server.url, headers=told, timeout=60) as client:
            answer = client.get("/login")
            client.post("/login", data={"name": "ann", "password": "wrong horse"})
        log = server.log.read_text()
    assert ("strict-transport-security" in answer.headers) == is_believed
    assert ("from 203.0.113.7" in log) == is_believed
    assert "server" not in answer.headers
