"""The page that manages a data set, without JavaScript."""

from fastapi.testclient import TestClient

from tests.factories import Made
from tests.web.api.test_adding_api import noise
from tests.web.html import flat

HOME = "/d/faces/manage"


def test_a_data_set_is_renamed_archived_and_brought_back(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    ada = browser_of["ada"]
    refused = ada.post(f"{HOME}/rename", data={"new_name": "a b"})
    assert refused.status_code == 422
    assert "cannot be the name of a data set" in refused.text
    moved = ada.post(f"{HOME}/rename", data={"new_name": "people"})
    assert moved.headers["location"] == "/d/people/manage"
    assert ada.post("/d/people/manage/archive", data={"archived": "true"}).status_code == 303
    page = ada.get("/").text
    assert "1 archived data set" in page
    assert "There is no data set yet" not in page
    assert ada.post("/d/people/manage/archive", data={"archived": "false"}).status_code == 303
    assert 'href="/d/people"' in ada.get("/").text


def test_a_deletion_names_what_is_lost_and_asks_for_the_name(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    ada = browser_of["ada"]
    page = ada.get(HOME).text
    assert "24 images" in page
    assert "1 version and 1 model" in page
    for typed in ("", "FACES", "face"):
        answer = ada.post(f"{HOME}/delete", data={"typed": typed})
        assert answer.status_code == 422
        assert "nothing was deleted" in answer.text
    assert ada.post(f"{HOME}/delete", data={"typed": "faces"}).headers["location"] == "/"
    assert ada.get("/d/faces").status_code == 404
    assert "Find the labels that look wrong" in ada.get("/").text


def test_images_are_added_with_a_form(browser_of: dict[str, TestClient], made: Made) -> None:
    ada = browser_of["ada"]
    files = [("file", ("a.png", noise(1))), ("file", ("b.txt", b"text"))]
    page = ada.post(f"{HOME}/images", files=files, data={"class_name": "owl"})
    assert page.status_code == 200, page.text
    assert "1 image was added; 1 file was not." in page.text
    assert "1 new image is in no version" in ada.get("/d/faces").text
    refused = ada.post(f"{HOME}/images", files=files, data={"class_name": ""})
    assert refused.status_code == 422
    assert "Name the class of these images" in refused.text
    assert browser_of["ann"].get(HOME).status_code == 403


def test_what_was_done_is_said_and_an_archive_can_be_undone(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    ada = browser_of["ada"]
    ada.post(f"{HOME}/archive", data={"archived": "true"})
    toast = flat(ada.get(HOME).text).split('class="toast"')[1]
    assert "<p>faces is archived</p>" in toast
    assert '<input type="hidden" name="archived" value="false">' in toast
    ada.post(f"{HOME}/archive", data={"archived": "false"})
    assert "<p>faces is back</p>" in flat(ada.get(HOME).text)
    ada.post(f"{HOME}/rename", data={"new_name": "people"})
    assert "<p>Renamed faces to people</p>" in flat(ada.get("/d/people/manage").text)
    ada.post("/d/people/manage/delete", data={"typed": "people"})
    assert "<p>people is deleted</p>" in flat(ada.get("/").text)
