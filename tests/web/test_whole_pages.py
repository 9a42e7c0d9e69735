"""Whatever address a person opens, a whole page answers, and a refusal says what to do."""

import re

import pytest
from fastapi.testclient import TestClient

from app.db.engine import Database
from app.main import create_app
from app.settings import Settings
from tests.factories import Made, make_run
from tests.web.addresses import Address, addresses
from tests.web.html import words_of
from tests.web.test_security import OPEN

FILES = (
    "text/csv",
    "image/svg+xml",
    "image/png",
    "application/zip",
    "application/json",
    "application/octet-stream",
)
# For machines, for who is not signed in, and the documentation, which has a navigation of its own.
OTHERS = (*OPEN, "/metrics", "/help/docs")


@pytest.fixture
def opened(settings: Settings, database: Database) -> list[Address]:
    """Every address outside of REST, also those that only take forms: a browser may open them again."""
    everything = [each for each in addresses(create_app(settings, database)) if "/api/" not in each.path]
    assert len(everything) > 80
    return [each for each in everything if each.path not in OTHERS]


def problem(page: str) -> str:
    """What a page says when it refuses."""
    found = re.search(r'role="alert">(.*?)</p>', page, re.DOTALL)
    return words_of(found[1]) if found else ""


@pytest.mark.parametrize("query", ["", "?nonsense=1", "?page=x"])
@pytest.mark.parametrize("name", ["ada", "ann"])
def test_every_address_answers_a_whole_page(
    browser_of: dict[str, TestClient],
    database: Database,
    made: Made,
    opened: list[Address],
    name: str,
    query: str,
) -> None:
    child = make_run(database, made.dataset_id, made.version_id, wrong=4, parent_id=made.run_id)
    browser = browser_of[name]
    browser.follow_redirects = True
    refused = 0
    for address in opened:
        for values in (
            {"name": "faces", "run_id": child, "sample_id": made.ranked[0]},
            {"name": "faces", "run_id": 9999, "sample_id": 9999},
            {"name": "no such data set"},
        ):
            answer = browser.get(address.at(**values) + query)
            assert "content-type" in answer.headers, (str(address), values)
            if answer.headers["content-type"].startswith(FILES) and answer.status_code == 200:
                continue
            assert "<html" in answer.text, (str(address), values, answer.text[:200])
            assert answer.text.count("<h1") == 1, (str(address), values)
            assert "Menu of" in answer.text, (str(address), values)  # the navigation
            assert answer.status_code < 500, (str(address), values)
            if answer.status_code >= 400:
                refused += 1
                words = problem(answer.text)
                assert words.endswith("."), (str(address), words)
                assert len(words.split()) >= 5, (str(address), words)
    assert refused > 10


def test_a_refusal_in_a_data_set_keeps_its_navigation(browser_of: dict[str, TestClient], made: Made) -> None:
    for path in ("/models/9999", "/images/9999", "/images?nonsense=1"):
        page = browser_of["ada"].get(f"/d/faces{path}").text
        assert 'class="tabs"' in page, path
        assert "Overview of faces" in page, path
    page = browser_of["ada"].get("/d/none/images").text
    assert 'class="tabs"' not in page
    assert "Overview of" not in page


def test_a_part_of_a_page_leads_to_its_page(browser_of: dict[str, TestClient], made: Made) -> None:
    for part, whole in (
        ("/d/faces/import", "/d/faces"),
        (f"/d/faces/models/{made.run_id}/progress", f"/d/faces/models/{made.run_id}"),
        ("/d/faces/results/errors-left/notice", "/d/faces/results/errors-left"),
        ("/jobs/now", "/"),
    ):
        answer = browser_of["ann"].get(part)
        assert (answer.status_code, answer.headers["location"]) == (303, whole)
        fragment = browser_of["ann"].get(part, headers={"hx-request": "true"})
        assert fragment.status_code == 200
        assert "<html" not in fragment.text


def test_the_reasons_of_a_card_are_a_page_where_scripts_are_off(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    address = f"/d/faces/images/{made.ranked[0]}"
    page = browser_of["ann"].get(f"{address}/why")
    assert page.status_code == 200
    assert "<h1>Why this image?</h1>" in page.text
    assert f'href="{address}"' in page.text
