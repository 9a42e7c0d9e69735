"""Every refusal has one shape: JSON for scripts, a page for people, whoever answers it."""

import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fastapi.testclient import TestClient

from app.db.engine import Database
from app.main import create_app
from app.settings import Settings
from tests.factories import Made, make_run
from tests.servers import Server, start_server
from tests.web.addresses import addresses
from tests.web.html import flat

API = "/api/v1"
SHAPE = {"error", "message", "status"}
JSON, PARTS = {"content-type": "application/json"}, {"content-type": "multipart/form-data; boundary=x"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
BROKEN = b'--x\r\ncontent-disposition: form-data; name="name"\r\n\r\nhalf'


@pytest.mark.parametrize(
    ("path", "content", "headers"),
    [
        (f"{API}/datasets/faces/decisions", b'{"sample": 1,', JSON),
        (f"{API}/datasets/faces/decisions", b"\xff\xfe", JSON),
        (f"{API}/datasets/faces/decisions", b"[" * 100_000, JSON),
        (f"{API}/datasets/faces/decisions", b"sample=1", FORM),
        (f"{API}/datasets/faces/decisions", b"[]", JSON),
        (f"{API}/datasets", BROKEN, PARTS),
        (f"{API}/datasets", BROKEN, {"content-type": "multipart/form-data"}),
        (f"{API}/datasets", BROKEN, {"content-type": "multipart/form-data; boundary=x; charset=none"}),
        (f"{API}/datasets/faces/versions", b"<xml/>", {"content-type": "text/xml"}),
        (f"{API}/datasets/faces/versions", BROKEN, PARTS),
        ("/datasets/new", BROKEN, PARTS),
        ("/d/faces/review/claims", BROKEN, PARTS),
        ("/d/faces/review/decisions", BROKEN, PARTS),
        ("/d/faces/review/decisions", BROKEN, {"content-type": "multipart/form-data"}),
        (
            "/d/faces/review/decisions",
            b"--x--",
            {"content-type": "multipart/form-data; boundary=x; charset=none"},
        ),
        ("/d/faces/review/decisions", b"&".join([b"a=1"] * 2000), FORM),
        ("/d/faces/models/retrain", BROKEN, PARTS),
        ("/d/faces/images/verdicts", b"&".join([b"samples=1"] * 2000), FORM),
        ("/people/ann", BROKEN, PARTS),
    ],
)
def test_a_broken_body_is_refused_in_the_common_shape(
    browser_of: dict[str, TestClient], made: Made, path: str, content: bytes, headers: dict[str, str]
) -> None:
    answer = browser_of["ada"].post(path, content=content, headers=headers)
    assert answer.status_code in (400, 422), answer.text
    if path.startswith(API):
        assert answer.json().keys() == SHAPE
        assert answer.json()["status"] == answer.status_code
    else:
        assert "<!doctype html>" in answer.text
    assert "There was an error parsing" not in answer.text


OTHERS = ("/api/", "/healthz", "/readyz", "/metrics", "/help/docs", "/login/openid")  # no pages of ours


def test_what_is_refused_before_any_route_has_the_common_shape(browser_of: dict[str, TestClient]) -> None:
    ada = browser_of["ada"]
    cases = (
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"content-length": "9" * 15}, 413),
        ({"content-length": "x"}, 400),
    )
    for headers, status in cases:
        page = ada.post("/logout", headers=headers)
        assert (page.status_code, "<!doctype html>" in page.text) == (status, True)
        assert "frame-ancestors" in page.headers["content-security-policy"]
        answer = ada.post(f"{API}/datasets", headers=headers)
        assert (answer.status_code, answer.json().keys()) == (status, SHAPE)


def test_a_host_that_looks_like_a_path_changes_no_shape(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    for host in ("x/api/v1", "[", "a b"):
        page = browser_of["ada"].get("/d/nothing", headers={"host": host})
        assert (page.status_code, "<!doctype html>" in page.text) == (404, True)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Server]:
    """A real server."""
    with start_server(tmp_path_factory.mktemp("data"), database_url=f"sqlite:///{sqlite_template}") as server:
        yield server


@pytest.mark.parametrize("path", ["/api/v1/datasets", "/d/faces"])
@pytest.mark.parametrize(
    "rest", [" HTTP/9.9\r\n\r\n", " HTTP/1.1\r\nno colon\r\n\r\n", " HTTP/1.1\r\nContent-Length: x\r\n\r\n"]
)
def test_what_is_no_request_is_refused_in_the_common_shape(running: Server, path: str, rest: str) -> None:
    where = urlsplit(running.url)
    with socket.create_connection((where.hostname, where.port), timeout=60) as connection:
        connection.sendall(f"POST {path}{rest}".encode())
        said = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    head, _, body = said.partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 400 Bad Request")
    assert "content-security-policy" in head
    if path.startswith("/api"):
        assert '"error":"invalid"' in body
        assert '"status":400' in body
    else:
        assert "<!doctype html>" in body


def test_a_person_gets_a_page_at_every_address(
    browser_of: dict[str, TestClient], settings: Settings, database: Database, made: Made
) -> None:
    make_run(database, made.dataset_id, made.version_id, wrong=4, parent_id=made.run_id)
    seen = 0
    for address in addresses(create_app(settings, database)):
        if address.method != "GET" or address.path.startswith(OTHERS):
            continue
        url = address.at(name="faces", run_id=made.run_id, sample_id=made.sample_ids[0], what="epochs")
        answer = browser_of["ada"].get(url)
        seen += 1
        is_picture = answer.headers.get("content-type", "").startswith("image/")
        if "attachment" in answer.headers.get("content-disposition", "") or is_picture:
            continue
        if answer.status_code in (303, 308):  # 308: an address that a page had before:
            answer = browser_of["ada"].get(answer.headers["location"])
        assert answer.status_code == 200, url
        assert "<!doctype html>" in answer.text, url
    assert seen > 25


@pytest.mark.parametrize(
    "path",
    [
        "/d/x/import",
        "/d/x/results/images",
        "/d/faces/results/images",
        "/d/faces/results/images?old=x",
        "/d/faces/models/9/progress",
    ],
)
def test_a_refusal_for_a_person_is_a_page_that_speaks_to_people(
    browser_of: dict[str, TestClient], made: Made, path: str
) -> None:
    answer = browser_of["ada"].get(path)
    while answer.status_code == 303:
        answer = browser_of["ada"].get(answer.headers["location"])
    assert answer.status_code in (404, 405, 422)
    assert "<!doctype html>" in answer.text
    assert "openapi" not in answer.text


def test_a_part_of_a_page_is_still_answered_to_htmx(browser_of: dict[str, TestClient], made: Made) -> None:
    for path in (
        "/d/faces/import",
        f"/d/faces/images/{made.sample_ids[0]}/why",
        "/d/faces/results/errors-left/notice",
    ):
        answer = browser_of["ada"].get(path, headers={"hx-request": "true"})
        assert (answer.status_code, "<!doctype" in answer.text) == (200, False), path


def test_the_page_of_an_unknown_address_has_the_menu_for_who_is_signed_in(
    browser_of: dict[str, TestClient], visitor: TestClient
) -> None:
    ann = browser_of["ann"]
    for address in ("/nothing", "/d/faces/nothing/at/all"):
        page = ann.get(address)
        assert page.status_code == 404
        assert 'aria-label="Site"' in flat(page.text)
        assert "Sign in" not in page.text
        page = visitor.get(address)
        assert page.status_code == 404
        assert 'aria-label="Site"' not in flat(page.text)
    visitor.cookies.set("toploss_session", "wrong")
    assert "Sign in" in visitor.get("/nothing").text


def test_a_page_that_refuses_its_parameters_leads_to_itself_without_them(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    ada = browser_of["ada"]
    for path in ("images?page=-1", "images?zzz=1", "models?page=2", "results?old=99&new=x"):
        page = flat(ada.get(f"/d/faces/{path}").text)
        plain = f"/d/faces/{path.partition('?')[0]}"
        assert f'<a class="button primary" href="{plain}">Open the page without that</a>' in page, path
        assert ada.get(plain).status_code == 200
    assert "Open the page without that" not in ada.post("/d/faces/review/decisions?x=1", data={}).text


def test_who_is_signed_out_in_the_middle_of_a_form_reads_that_nothing_changed_and_comes_back(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    ada = browser_of["ada"]
    ada.cookies.clear()
    answer = ada.post("/d/faces/models", data={"recipe": "quick"})
    assert answer.status_code == 401
    assert "Nothing was changed. Sign in, go back to what you filled in" in flat(answer.text)
    assert 'href="/login?next=/d/faces/models"' in answer.text
