"""The people page is the admins'."""

from fastapi.testclient import TestClient

from tests.conftest import PASSWORD


def test_an_annotator_is_told_to_ask_an_admin(browser_of: dict[str, TestClient]) -> None:
    answer = browser_of["ann"].get("/people")
    assert answer.status_code == 403
    assert "Only an admin" in answer.text
    assert (
        browser_of["ann"]
        .post("/people", data={"name": "eve", "role": "admin", "password": PASSWORD})
        .status_code
        == 403
    )


def test_an_added_person_can_sign_in(browser_of: dict[str, TestClient], visitor: TestClient) -> None:
    assert (
        browser_of["ada"]
        .post("/people", data={"name": "eve", "role": "annotator", "password": PASSWORD})
        .status_code
        == 303
    )
    assert "eve" in browser_of["ada"].get("/people").text
    assert visitor.post("/login", data={"name": "eve", "password": PASSWORD}).status_code == 303


def test_a_deactivated_person_is_out_at_once_and_can_come_back(browser_of: dict[str, TestClient]) -> None:
    browser_of["ada"].post("/people/ann", data={"active": "false"})
    assert browser_of["ann"].get("/").status_code == 303
    browser_of["ada"].post("/people/ann", data={"active": "true"})
    assert browser_of["ann"].get("/").status_code == 303  # the old log-in has ended
    assert browser_of["ann"].post("/login", data={"name": "ann", "password": PASSWORD}).status_code == 303
    assert browser_of["ann"].get("/").status_code == 200


def test_a_role_can_be_changed_but_an_admin_stays(browser_of: dict[str, TestClient]) -> None:
    assert browser_of["ada"].post("/people/ada", data={"role": "annotator"}).status_code == 409
    assert browser_of["ada"].post("/people/ann", data={"role": "admin"}).status_code == 303
    assert browser_of["ann"].get("/people").status_code == 200


def test_an_admin_gives_somebody_a_new_password(
    browser_of: dict[str, TestClient], visitor: TestClient
) -> None:
    assert (
        browser_of["ada"].post("/people/bob/password", data={"password": "battery staple"}).status_code == 303
    )
    assert visitor.post("/login", data={"name": "bob", "password": "battery staple"}).status_code == 303
