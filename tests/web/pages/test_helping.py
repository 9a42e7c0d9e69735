"""The help names the keys that there are, and every link to a part of it leads somewhere."""

import re
from collections import Counter
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.ranking.models import DOUBTED
from app.web.rendering import bundled, environment
from tests.web.html import flat

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
FIGURES = ("error", "interval", "suspicious", "expected-errors", "errors-left", "agreement")
NAMES = {" ": "Space", "-": "−", "arrowright": "→", "arrowleft": "←", "backspace": "Backspace"}


@pytest.fixture
def page(browser_of: dict[str, TestClient]) -> str:
    answer = browser_of["ann"].get("/help")
    assert answer.status_code == 200
    return answer.text


def test_it_says_how_each_figure_is_computed_with_the_numbers_of_the_program(page: str) -> None:
    anchors = Counter(re.findall(r'id="([^"]+)"', page))
    assert max(anchors.values()) == 1
    assert set(FIGURES) <= anchors.keys()
    assert f"a probability of {100 * DOUBTED:.0f} % or more" in flat(page)


def test_every_link_to_a_part_of_the_help_leads_to_it(page: str) -> None:
    linked = {
        anchor
        for path in [*bundled("templates").rglob("*.html"), *Path("app").rglob("*.py")]
        for anchor in re.findall(r"/help#([\w-]+)", path.read_text())
    }
    assert linked
    assert linked <= set(re.findall(r'id="([^"]+)"', page))


def test_the_keys_of_the_review_are_those_that_its_script_hears(page: str) -> None:
    script = (bundled("static") / "review" / "keys.js").read_text()
    table = re.search(r"const ACTIONS = \{(.*?)\n\};", script, re.DOTALL)
    assert table
    heard = set(re.findall(r'^  "?(.+?)"?(?::|,$)', table[1], re.MULTILINE)) - {"redo"}
    assert {"q", " ", "arrowleft"} <= heard
    module = environment().get_template("deck/_keys.html").module
    listed = {name for _, names, *_ in module.review_keys for name in names}  # type: ignore[attr-defined]
    assert {NAMES.get(name, name.upper()) for name in heard} <= listed
    assert all(f"<kbd>{name}</kbd>" in page for name in listed)


def test_it_is_in_the_menu_of_every_page_and_in_the_palette(
    browser_of: dict[str, TestClient], page: str
) -> None:
    links = [browser_of["ann"].get(path).text.count('href="/help"') for path in ("/account", "/go")]
    assert links == [1, 2]  # the palette lists what /go does
