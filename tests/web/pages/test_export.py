"""Freezing and exporting in the browser."""

from fastapi.testclient import TestClient

from tests.factories import Made


def test_the_form_downloads_with_the_cookie(browser_of: dict[str, TestClient], made: Made) -> None:
    page = browser_of["ann"].get("/d/faces/export").text
    assert 'action="/api/v1/datasets/faces/export"' in page
    for name in ("csv", "jsonl", "imagefolder"):
        assert f'value="{name}"' in page
    answer = browser_of["ann"].get("/api/v1/datasets/faces/export?version=0&format=csv")
    assert answer.status_code == 200
    assert "attachment" in answer.headers["content-disposition"]


def test_an_admin_freezes_what_has_changed(browser_of: dict[str, TestClient], made: Made) -> None:
    ada = browser_of["ada"]
    assert "nothing new to freeze" in ada.get("/d/faces/export").text
    ada.post(
        "/d/faces/review/decisions",
        data={"sample": str(made.ranked[0]), "client_id": "1", "answer": "delete"},
    )
    assert "1 label differs" in ada.get("/d/faces/export").text
    assert ada.post("/d/faces/versions").headers["location"] == "/d/faces/export"
    page = ada.get("/d/faces/export").text
    assert '<option value="1">' in page
    assert "nothing new to freeze" in page


def test_an_annotator_cannot_freeze(browser_of: dict[str, TestClient], made: Made) -> None:
    assert browser_of["ann"].post("/d/faces/versions").status_code == 403
    assert "/d/faces/versions" not in browser_of["ann"].get("/d/faces/export").text
