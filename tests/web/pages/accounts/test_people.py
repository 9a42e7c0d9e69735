"""The people page is the admins'."""

import re

import httpx
from fastapi.testclient import TestClient

from tests.conftest import PASSWORD
from tests.web.asking import sure
from tests.web.html import words_of


def test_an_annotator_is_told_to_ask_an_admin(browser_of: dict[str, TestClient]) -> None:
    answer = browser_of["ann"].get("/people")
    assert answer.status_code == 403
    assert "Only an admin" in answer.text
    assert browser_of["ann"].post("/people", data={"name": "eve", "role": "admin"}).status_code == 403


def test_a_deactivated_person_is_out_at_once_and_can_come_back(browser_of: dict[str, TestClient]) -> None:
    assert browser_of["ann"].get("/").status_code == 200
    sure(browser_of["ada"], "/people/ann", {"active": "false"})
    assert browser_of["ann"].get("/").status_code == 303
    browser_of["ada"].post("/people/ann", data={"active": "true"})
    assert browser_of["ann"].get("/").status_code == 303  # the old log-in has ended
    assert browser_of["ann"].post("/login", data={"name": "ann", "password": PASSWORD}).status_code == 303
    assert browser_of["ann"].get("/").status_code == 200


def test_a_role_can_be_changed_but_an_admin_stays(browser_of: dict[str, TestClient]) -> None:
    assert browser_of["ada"].post("/people/ada", data={"role": "annotator"}).status_code == 409
    assert sure(browser_of["ada"], "/people/ann", {"role": "admin"}).status_code == 303
    assert browser_of["ann"].get("/people").status_code == 200


def made_by(client: TestClient, **form: str) -> str:
    """The secret of a token that somebody has just made."""
    page = client.post("/account/tokens", data={"name": "nightly", **form}).text
    return re.findall(r"tl_[\w-]+", page)[0]


def opens(client: TestClient, secret: str) -> bool:
    headers = {"authorization": f"Bearer {secret}"}
    return TestClient(client.app).get("/api/v1/datasets", headers=headers).status_code == 200


def test_an_admin_sees_everybodys_tokens_and_revokes_one(browser_of: dict[str, TestClient]) -> None:
    secret = made_by(browser_of["ann"], scope="read", expires_days="30")
    assert opens(browser_of["ann"], secret)
    page = " ".join(browser_of["ada"].get("/people").text.split())
    assert (
        '<th scope="row">ann</th> <td data-label="Token">nightly</td> <td data-label="Scope">read</td>'
        in page
    )
    revoke = re.findall(r'action="(/people/tokens/\d+/revoke)"(?:(?!</form>).)*nightly of ann', page)[-1]
    assert browser_of["bob"].post(revoke).status_code == 403
    assert opens(browser_of["ann"], secret)
    assert sure(browser_of["ada"], revoke).status_code == 303
    assert not opens(browser_of["ann"], secret)
    assert browser_of["ada"].post(revoke).status_code == 404


def test_a_deactivated_persons_tokens_open_nothing_also_when_they_are_let_in_again(
    browser_of: dict[str, TestClient],
) -> None:
    secret = made_by(browser_of["ann"])
    for active in ("false", "true"):
        act = sure if active == "false" else TestClient.post
        act(browser_of["ada"], "/people/ann", data={"active": active})
        assert not opens(browser_of["ann"], secret)


def said(client: TestClient, answer: httpx.Response) -> str:
    """The toast of the page that an answer leads to."""
    assert answer.status_code == 303
    found = re.search(
        r'<div class="toast">(.*?)</div>', client.get(answer.headers["location"]).text, re.DOTALL
    )
    return words_of(found[1]) if found else ""


def test_every_act_about_a_person_says_what_was_done(browser_of: dict[str, TestClient]) -> None:
    ada = browser_of["ada"]
    assert ada.post("/people", data={"name": "eve", "role": "annotator"}).status_code == 200
    assert said(ada, sure(ada, "/people/eve", {"role": "admin"})) == "eve is an admin now"
    assert said(ada, ada.post("/people/eve", data={"role": "admin"})) == "Nothing was changed"
    assert said(ada, sure(ada, "/people/eve", {"active": "false"})) == "eve is deactivated"
    assert said(ada, ada.post("/people/eve", data={"active": "true"})) == "eve can sign in again"


def test_what_ends_or_changes_access_is_behind_a_persons_menu(browser_of: dict[str, TestClient]) -> None:
    page = browser_of["ada"].get("/people").text
    menus = re.findall(r'<details class="menu">.*?</details>', page, re.DOTALL)
    assert [words_of(menu).split()[:2] for menu in menus] == [
        ["Change", name] for name in ("ada", "ann", "bob")
    ]
    outside = re.sub(r"<details.*?</details>", "", page, flags=re.DOTALL)
    assert "Deactivate" in page
    assert "Deactivate" not in outside
    assert 'action="/people/ann' not in outside
