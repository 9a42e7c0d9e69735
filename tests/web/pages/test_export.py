"""Freezing and exporting in the browser."""

from io import BytesIO
from zipfile import ZipFile

from fastapi.testclient import TestClient
from sqlalchemy import update

from app.datasets.models import DatasetVersion, LabelClass
from app.db.engine import Database
from tests.factories import Made
from tests.web.html import flat


def test_the_form_downloads_with_the_cookie(browser_of: dict[str, TestClient], made: Made) -> None:
    page = flat(browser_of["ann"].get("/d/faces/export").text)
    assert 'action="/api/v1/datasets/faces/export"' in page
    for name in ("csv", "csv-excel", "jsonl", "imagefolder"):
        assert f'value="{name}"' in page
    answer = browser_of["ann"].get("/api/v1/datasets/faces/export?version=0&format=csv")
    assert answer.status_code == 200
    assert "attachment" in answer.headers["content-disposition"]


def test_an_admin_freezes_what_has_changed(browser_of: dict[str, TestClient], made: Made) -> None:
    ada = browser_of["ada"]
    assert "nothing new to freeze" in flat(ada.get("/d/faces/export").text)
    ada.post(
        "/d/faces/review/decisions",
        data={"sample": str(made.ranked[0]), "client_id": "1", "answer": "delete"},
    )
    assert "1 changed label is in no version" in flat(ada.get("/d/faces/export").text)
    assert ada.post("/d/faces/export/versions").headers["location"] == "/d/faces/export"
    page = flat(ada.get("/d/faces/export").text)
    assert '<option value="1">' in page
    assert "nothing new to freeze" in page


def test_an_annotator_cannot_freeze(browser_of: dict[str, TestClient], made: Made) -> None:
    assert browser_of["ann"].post("/d/faces/export/versions").status_code == 403
    assert "/d/faces/export/versions" not in flat(browser_of["ann"].get("/d/faces/export").text)


def test_the_current_labels_are_frozen_and_downloaded_in_one_act(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    ada, url = browser_of["ada"], "/d/faces/export"
    ada.post(
        "/d/faces/review/decisions",
        data={"sample": str(made.ranked[0]), "client_id": "1", "answer": "delete"},
    )
    page = flat(ada.get(url).text)
    assert '<option value="now" selected>the current labels, with 1 changed label</option>' in page
    wrong = ada.post(url, data={"version": "now", "format": "xml"})
    assert wrong.status_code == 422
    assert '<option value="now"' in ada.get(url).text  # nothing was frozen for it
    sent = {"version": "now", "format": "csv", "include_deleted": "true"}
    leads_to = ada.post(url, data=sent).headers["location"]
    answer = ada.get(leads_to)
    assert (answer.status_code, answer.headers["x-toploss-version"]) == (200, "1")
    assert ",delete," in flat(answer.text)
    assert 'value="now"' not in flat(ada.get(url).text)
    old = ada.post(url, data={"version": "0", "format": "csv"}).headers["location"]
    assert ada.get(old).headers["x-toploss-version"] == "0"


def test_who_cannot_freeze_is_told_what_no_version_has(browser_of: dict[str, TestClient], made: Made) -> None:
    ann, url = browser_of["ann"], "/d/faces/export"
    ann.post(
        "/d/faces/review/decisions",
        data={"sample": str(made.ranked[0]), "client_id": "1", "answer": "delete"},
    )
    page = flat(ann.get(url).text)
    assert "1 changed label is in no version. An admin can freeze what is new." in page
    assert 'value="now"' not in page
    assert ann.post(url, data={"version": "now", "format": "csv"}).status_code == 403


def test_classes_that_are_one_folder_on_windows_and_macos_are_named_on_the_page_and_in_the_zip(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    ann, url = browser_of["ann"], "/api/v1/datasets/faces/export?version=0&format=imagefolder"
    assert "become one" not in flat(ann.get("/d/faces/export").text)
    assert "notes.txt" not in ZipFile(BytesIO(ann.get(url).content)).namelist()
    with database.write() as session:
        session.execute(update(LabelClass).where(LabelClass.name == "dog").values(name="Cat"))
        session.execute(update(DatasetVersion).values(classes=["cat", "Cat", "owl"]))
    words = (
        "in how accents are written: “Cat” and “cat”. There take the class of each image from manifest.csv"
    )
    assert words in flat(ann.get("/d/faces/export").text)
    assert words in ZipFile(BytesIO(ann.get(url).content)).read("notes.txt").decode()
