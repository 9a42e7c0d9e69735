"""The page behind a one-time link."""

import re

import pytest
from fastapi.testclient import TestClient

from app.accounts.attempts import OF_A_NAME
from tests.conftest import PASSWORD, People
from tests.web.asking import sure
from tests.web.html import words_of

PAGE = "/choose-password"
NEW = "battery staple"


def link_of(ada: TestClient, path: str = "/people", **form: str) -> str:
    page = ada.post(path, data=form)
    assert page.status_code == 200, page.text
    return re.findall(r'<code class="secret" data-copy>([^<]+)</code>', page.text)[0]


def test_an_invited_person_chooses_a_password_and_is_signed_in(
    browser_of: dict[str, TestClient], visitor: TestClient
) -> None:
    ada = browser_of["ada"]
    link = link_of(ada, name="eve", role="annotator")
    assert link.startswith(f"http://testserver{PAGE}#")
    assert link not in ada.get("/people").text
    assert "invited" in words_of(ada.get("/people").text)
    page = visitor.post(PAGE, data={"link": link})
    assert "Welcome, eve" in page.text
    secret = re.findall(r'name="link" value="([^"]+)"', page.text)[0]
    done = visitor.post(PAGE, data={"link": secret, "password": NEW})
    assert (done.status_code, done.headers["location"]) == (303, "/")
    assert visitor.get("/account").status_code == 200
    assert ada.get("/people").text.count("invited") == 0
    again = visitor.post(PAGE, data={"link": link, "password": "another one"})
    assert again.status_code == 401
    assert visitor.post("/login", data={"name": "eve", "password": NEW}).status_code == 303


def test_a_reset_link_ends_what_was_open(browser_of: dict[str, TestClient], visitor: TestClient) -> None:
    ann = browser_of["ann"]
    assert ann.get("/").status_code == 200
    link = link_of(browser_of["ada"], "/people/ann/link")
    assert ann.get("/").status_code == 200
    assert "Your log-ins end" in visitor.post(PAGE, data={"link": link}).text
    assert visitor.post(PAGE, data={"link": link, "password": NEW}).status_code == 303
    assert ann.get("/").status_code == 303
    assert visitor.post("/login", data={"name": "ann", "password": PASSWORD}).status_code == 401


@pytest.mark.parametrize("password", ["short", "x" * 257])
def test_a_bad_password_does_not_use_the_link_up(
    browser_of: dict[str, TestClient], visitor: TestClient, password: str
) -> None:
    link = link_of(browser_of["ada"], name="eve", role="annotator")
    refused = visitor.post(PAGE, data={"link": link, "password": password})
    assert refused.status_code == 422
    assert "A password has at" in refused.text
    assert "Welcome, eve" in refused.text
    assert visitor.post(PAGE, data={"link": link, "password": NEW}).status_code == 303


def test_wrong_links_are_refused_in_one_sentence_and_slow_down(
    browser_of: dict[str, TestClient], visitor: TestClient
) -> None:
    used = link_of(browser_of["ada"], name="eve", role="annotator")
    assert visitor.post(PAGE, data={"link": used, "password": NEW}).status_code == 303
    visitor.cookies.clear()
    answers = [visitor.post(PAGE, data={"link": link}) for link in (used, "x", "y", f"{used}x")]
    sentences = {re.findall(r'role="alert">([^<]+)<', each.text)[0] for each in answers}
    assert len(sentences) == 1
    assert "eve" not in "".join(each.text for each in answers)
    assert {each.status_code for each in answers} == {401}
    last = [visitor.post(PAGE, data={"link": "x"}) for _ in range(OF_A_NAME.free)][-1]
    assert last.status_code == 429
    assert int(last.headers["retry-after"]) >= 1


def test_the_page_is_cached_nowhere_and_its_address_holds_no_secret(
    browser_of: dict[str, TestClient], visitor: TestClient
) -> None:
    link = link_of(browser_of["ada"], name="eve", role="annotator")
    for answer in (visitor.get(PAGE), visitor.post(PAGE, data={"link": link})):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert str(answer.request.url).endswith(PAGE)


def test_links_are_withdrawn_an_invitation_after_a_question(
    browser_of: dict[str, TestClient], visitor: TestClient
) -> None:
    ada = browser_of["ada"]
    invitation = link_of(ada, name="eustace", role="annotator")
    reset = link_of(ada, "/people/ann/link")
    assert "eustace" in ada.get("/people").text
    assert sure(ada, "/people/eustace/link/withdraw").status_code == 303
    assert ada.post("/people/ann/link/withdraw").status_code == 303
    assert ada.post("/people/ann/link/withdraw").status_code == 404
    for link in (invitation, reset):
        assert visitor.post(PAGE, data={"link": link}).status_code == 401
    assert "eustace" not in re.sub(r'<div id="toasts".*?</div>', "", ada.get("/people").text, flags=re.DOTALL)


def test_only_admins_make_links(browser_of: dict[str, TestClient], people: People) -> None:
    assert browser_of["ann"].post("/people/bob/link").status_code == 403
