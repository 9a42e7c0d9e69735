"""The jobs page is the admins'."""

from fastapi.testclient import TestClient

from app.db.engine import Database
from app.settings import Settings
from tests.factories import Made, photo, show_photo


def test_an_annotator_sees_no_jobs_page(browser_of: dict[str, TestClient]) -> None:
    assert browser_of["ann"].get("/jobs").status_code == 403


def test_a_waiting_job_is_listed_and_can_be_cancelled_where_it_belongs(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    ada = browser_of["ada"]
    where = ada.post("/d/faces/models", data={"recipe": "quick", "version": "0", "seed": "1"}).headers[
        "location"
    ]
    page = ada.get("/jobs").text
    assert f'action="{where}/cancel"' in page
    assert f'<a href="{where}">Training of Model {where.rpartition("/")[2]}</a>' in page
    assert "No worker runs" in page
    fragment = ada.get("/jobs", headers={"hx-request": "true"}).text
    assert "<html" not in fragment
    assert f'action="{where}/cancel"' in fragment


def test_a_look_at_a_photo_is_listed_without_a_way_to_cancel_the_run_that_it_asks(
    browser_of: dict[str, TestClient], database: Database, settings: Settings, made: Made
) -> None:
    before = browser_of["ada"].get("/jobs").text.count("/cancel")
    show_photo(database, settings, made.run_id, photo())
    page = browser_of["ada"].get("/jobs").text
    assert ">Photos</a>" in page
    assert page.count("/cancel") == before


def test_the_page_says_what_runs_beside_what(browser_of: dict[str, TestClient]) -> None:
    page = browser_of["ada"].get("/jobs").text
    assert "One import and one training at a time" in page
