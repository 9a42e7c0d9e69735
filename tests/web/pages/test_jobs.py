"""The jobs page is the admins'."""

from fastapi.testclient import TestClient

from tests.factories import Made


def test_an_annotator_sees_no_jobs_page(browser_of: dict[str, TestClient]) -> None:
    assert browser_of["ann"].get("/jobs").status_code == 403


def test_a_waiting_job_is_listed_and_can_be_cancelled_where_it_belongs(browser_of: dict[str, TestClient], made: Made) -> None:
    ada = browser_of["ada"]
    where = ada.post("/d/faces/runs", data={"recipe": "quick", "version": "0", "seed": "1"}).headers["location"]
    page = ada.get("/jobs").text
    assert f'action="{where}/cancel"' in page
    assert "No worker runs" in page
    fragment = ada.get("/jobs", headers={"hx-request": "true"}).text
    assert "<html" not in fragment
    assert f'action="{where}/cancel"' in fragment
