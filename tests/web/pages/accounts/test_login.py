"""The log-in page, and what a browser without one gets."""

import pytest
from fastapi.testclient import TestClient

from tests.conftest import PASSWORD, People

PRIVATE = (
    "/",
    "/d/faces",
    "/d/faces/review",
    "/d/faces/models",
    "/d/faces/results",
    "/d/faces/export",
    "/people",
    "/jobs",
    "/server",
    "/account",
)


@pytest.mark.parametrize("path", PRIVATE)
def test_a_page_leads_a_visitor_to_the_log_in_and_back(visitor: TestClient, path: str) -> None:
    answer = visitor.get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/login?next={path}")


def test_a_fragment_leads_a_visitor_to_the_log_in(visitor: TestClient) -> None:
    answer = visitor.get("/d/faces/review", headers={"hx-request": "true"})
    assert answer.headers["hx-redirect"].startswith("/login")


def test_the_right_password_opens_the_page_that_was_asked_for(visitor: TestClient, people: People) -> None:
    answer = visitor.post("/login", data={"name": "ann", "password": PASSWORD, "next": "/d/faces?x=1"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/d/faces?x=1")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "ann" in visitor.get("/").text


def test_a_wrong_password_shows_the_form_again_with_the_name(visitor: TestClient, people: People) -> None:
    answer = visitor.post("/login", data={"name": "ann", "password": "wrong horse", "next": "/d/faces"})
    assert answer.status_code == 401
    assert 'value="ann"' in answer.text
    assert 'value="/d/faces"' in answer.text
    assert "do not match" in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/\n/evil.example",
        "evil.example",
        "",
    ],
)
def test_the_log_in_never_leads_to_another_site(visitor: TestClient, people: People, target: str) -> None:
    answer = visitor.post("/login", data={"name": "ann", "password": PASSWORD, "next": target})
    assert answer.headers["location"] == "/"


def test_guessing_is_slowed_down_and_told_for_how_long(visitor: TestClient, people: People) -> None:
    answers = [visitor.post("/login", data={"name": "ann", "password": f"guess {i}"}) for i in range(12)]
    assert answers[0].status_code == 401
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert "wait" in answers[-1].text
    assert 'value="ann"' in answers[-1].text
    answer = visitor.post("/login", data={"name": "ann", "password": PASSWORD})
    assert (answer.status_code, "retry-after" in answer.headers) == (429, True)


def test_a_password_typed_as_a_name_is_in_no_log(
    visitor: TestClient, people: People, caplog: pytest.LogCaptureFixture
) -> None:
    visitor.post("/login", data={"name": "correct horse", "password": "ann"})
    visitor.post("/login", data={"name": "ann", "password": "wrong horse"})
    assert "failed log-in: ann from" in caplog.text
    assert "failed log-in: unknown name #" in caplog.text
    assert "horse" not in caplog.text


def test_guessing_the_old_password_of_an_open_session_is_slowed_down(
    browser_of: dict[str, TestClient], people: People
) -> None:
    form = {"old": "wrong horse", "new": "battery staple"}
    answers = [browser_of["ann"].post("/account/password", data=form) for _ in range(12)]
    assert answers[0].status_code == 422
    assert (answers[-1].status_code, "retry-after" in answers[-1].headers) == (429, True)


def test_signing_out_ends_the_session(browser_of: dict[str, TestClient]) -> None:
    cookie = dict(browser_of["ann"].cookies)
    assert browser_of["ann"].post("/logout").headers["location"] == "/login"
    browser_of["ann"].cookies.update(cookie)
    assert browser_of["ann"].get("/").status_code == 303


def test_a_form_of_another_site_is_refused(browser_of: dict[str, TestClient]) -> None:
    assert browser_of["ann"].post("/logout", headers={"sec-fetch-site": "cross-site"}).status_code == 403
