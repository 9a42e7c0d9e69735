"""One's own tokens and password."""

import html
import re

import pytest
from fastapi.testclient import TestClient

from app.accounts.tokens import list_tokens
from app.accounts.users import get_user, set_password
from app.db.engine import Database
from app.web.pages.accounts import account
from tests.conftest import PASSWORD, People
from tests.web.asking import sure


def test_a_token_is_shown_once_and_opens_the_api(browser_of: dict[str, TestClient]) -> None:
    ann = browser_of["ann"]
    made = ann.post("/account/tokens", data={"name": "nightly"})
    secret = re.search(r"tl_[\w-]+", made.text)
    assert secret
    line = f'curl -H "Authorization: Bearer {secret[0]}" http://testserver/api/v1/datasets</code>'
    assert line in html.unescape(made.text)
    again = ann.get("/account").text
    assert "nightly" in again
    assert secret[0] not in again
    ann.cookies.clear()
    assert ann.get("/api/v1/datasets", headers={"authorization": f"Bearer {secret[0]}"}).status_code == 200


def test_a_revoked_token_opens_nothing(browser_of: dict[str, TestClient]) -> None:
    ann = browser_of["ann"]
    secret = re.findall(r"tl_[\w-]+", ann.post("/account/tokens", data={"name": "old"}).text)[0]
    revoke = re.findall(r'action="(/account/tokens/\d+/revoke)"', ann.get("/account").text)[0]
    assert sure(ann, revoke).status_code == 303
    ann.cookies.clear()
    assert ann.get("/api/v1/datasets", headers={"authorization": f"Bearer {secret}"}).status_code == 401


def test_nobody_revokes_somebody_elses_token(browser_of: dict[str, TestClient]) -> None:
    browser_of["ann"].post("/account/tokens", data={"name": "mine"})
    revoke = re.findall(r'action="(/account/tokens/\d+/revoke)"', browser_of["ann"].get("/account").text)[0]
    assert browser_of["bob"].post(revoke).status_code == 404


def test_a_new_password_needs_the_old_one(browser_of: dict[str, TestClient], visitor: TestClient) -> None:
    ann = browser_of["ann"]
    assert (
        ann.post("/account/password", data={"old": "wrong horse", "new": "battery staple"}).status_code == 422
    )
    assert ann.post("/account/password", data={"old": PASSWORD, "new": "short"}).status_code == 422
    assert ann.post("/account/password", data={"old": PASSWORD, "new": "battery staple"}).status_code == 303
    assert ann.get("/account").status_code == 200  # this browser stays signed in
    assert visitor.post("/login", data={"name": "ann", "password": PASSWORD}).status_code == 401
    assert visitor.post("/login", data={"name": "ann", "password": "battery staple"}).status_code == 303


def test_a_new_password_revokes_ones_tokens_and_the_page_says_so(browser_of: dict[str, TestClient]) -> None:
    ann = browser_of["ann"]
    secret = re.findall(r"tl_[\w-]+", ann.post("/account/tokens", data={"name": "old"}).text)[0]
    assert "your API tokens are revoked" in ann.get("/account").text  # before it is done
    done = ann.post("/account/password", data={"old": PASSWORD, "new": "battery staple"})
    page = ann.get(done.headers["location"]).text
    assert "Every other log-in of yours has ended, and your API tokens are revoked." in page
    assert "You have no token." in page
    ann.cookies.clear()
    assert ann.get("/api/v1/datasets", headers={"authorization": f"Bearer {secret}"}).status_code == 401


def test_scope_and_end_of_a_token_are_chosen_on_the_form(browser_of: dict[str, TestClient]) -> None:
    ann = browser_of["ann"]
    page = ann.get("/account").text
    assert ('<option value="read"' in page, '<option value="admin"' in page) == (True, False)
    shown = browser_of["ada"].get("/account").text
    assert '<option value="admin"' in shown
    assert shown.index('<option value="read">') < shown.index('<option value="admin"')  # the first is chosen
    assert " selected>" not in shown
    ann.post("/account/tokens", data={"name": "nightly", "scope": "read", "expires_days": "7"})
    shown = " ".join(ann.get("/account").text.split())
    assert '<th scope="row">nightly</th> <td data-label="Scope">read</td>' in shown
    assert " UTC </td>" in shown  # when it ends
    for wrong in ({"scope": "admin"}, {"expires_days": "soon"}, {"expires_days": "1e9"}):
        assert ann.post("/account/tokens", data={"name": "x", **wrong}).status_code == 422


def test_a_token_on_its_way_is_not_made_when_a_new_password_comes_first(
    browser_of: dict[str, TestClient], database: Database, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = browser_of["ann"]

    def days(_typed: str) -> None:  # it is read after the person, and before the token is made
        with database.write() as session:
            set_password(session, user=get_user(session, name="ann"), password_hash="another")  # noqa: S106

    monkeypatch.setattr(account, "_days", days)
    answer = ann.post("/account/tokens", data={"name": "late"})
    assert "tl_" not in answer.text
    with database.read() as session:
        assert list_tokens(session, user_id=people.annotator.id) == []
