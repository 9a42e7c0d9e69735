"""Tables on small screens: each row is a card with named values, and no button breaks a word."""

import uuid
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from app.accounts.models import User
from app.datasets.classes import get_class, rename_class
from app.datasets.models import Dataset
from app.db.engine import Database
from app.review.checks import Answer
from app.review.decisions import decide
from app.rounds.retraining import freeze_labels
from app.web.deps import SESSION_COOKIE
from tests.browser.conftest import cookie_of
from tests.conftest import PASSWORD
from tests.factories import Made, make_run
from tests.servers import Server

BROKEN_WORDS = """() => {
  const found = [];
  for (const element of document.querySelectorAll("button, .button, summary, .state, th")) {
    if (!element.checkVisibility()) continue;
    const texts = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) for (const word of texts.currentNode.data.matchAll(/[^\\s-]+/g)) {
      const range = document.createRange();
      range.setStart(texts.currentNode, word.index);
      range.setEnd(texts.currentNode, word.index + word[0].length);
      const rects = [...range.getClientRects()].filter((r) => r.width > 1);
      const lines = new Set(rects.map((r) => Math.round(r.top)));
      if (lines.size > 1) found.push(word[0]);
    }
  }
  return found;
}"""
NAMELESS = """() => [...document.querySelectorAll("table.phone-cards td")]
  .filter((e) => e.checkVisibility() && e.innerText.trim() && !e.dataset.label
    && !e.querySelector("button, .button"))
  .map((e) => e.innerText.trim())"""
CUT_OFF = """() => [...document.querySelectorAll(".scroll:has(.phone-cards)")]
  .filter((e) => e.scrollWidth > e.clientWidth).length"""
OWNER = "maximiliane.oberhuber-dietrichstein@example.org"
# Cells of more than three lines in tables whose rows stay rows, but for matrices, which can be scrolled.
NARROW_COLUMNS = """() => [...document.querySelectorAll("table:not(.matrix) :is(td, th)")].filter((cell) => {
  if (!cell.checkVisibility() || getComputedStyle(cell).display !== "table-cell") return false;
  const range = document.createRange();
  range.selectNodeContents(cell);
  const words = cell.innerText.trim().split(/\\s+/).length;
  const tops = [...range.getClientRects()].filter((r) => r.width > 1).map((r) => Math.round(r.top / 12));
  return words > 2 && new Set(tops).size > 3;
}).map((cell) => cell.innerText)"""
PAGES = ("/people", "/account", "/jobs", "/server", "{home}/models", "{home}/export")


@pytest.fixture(scope="module")
def admin(server: Server) -> str:
    """The log-in cookie of an admin with a long name, who has an API token."""
    server.command("user", "add", OWNER, "--role", "admin", "--password-stdin", stdin=f"{PASSWORD}\n")
    server.command("token", "create", "--user", OWNER, "--name", "nightly export", "--expires-days", "30")
    return cookie_of(server, OWNER)


@pytest.fixture
def screen(browser: Browser, server: Server, admin: str) -> Iterator[Page]:
    context = browser.new_context()
    context.add_cookies([{"name": SESSION_COOKIE, "value": admin, "url": server.url}])
    yield context.new_page()
    context.close()


def correct(database: Database, made: Made) -> int:
    """Delete one image and freeze the labels; the answer is the version's id."""
    with database.write() as session:
        decide(
            session,
            Answer(sample_id=made.ranked[0], verdict="delete", client_id=str(uuid.uuid4())),
            dataset_id=made.dataset_id,
            user_id=session.scalars(select(User.id)).first() or 0,
        )
        return freeze_labels(session, dataset_id=made.dataset_id)[0].id


@pytest.mark.parametrize("width", [390, 600, 800, 1280])
def test_no_button_and_no_heading_of_a_table_breaks_a_word(
    screen: Page, server: Server, live: tuple[Database, Made], width: int
) -> None:
    screen.set_viewport_size({"width": width, "height": 800})
    for path in PAGES:
        screen.goto(server.url + path.format(home=f"/d/{live[1].name}"))
        assert screen.evaluate(BROKEN_WORDS) == [], path
        assert not screen.evaluate("() => document.documentElement.scrollWidth > innerWidth"), path


def test_on_a_phone_each_value_of_a_row_has_a_name_and_no_column_is_out_of_sight(
    screen: Page, server: Server, live: tuple[Database, Made]
) -> None:
    screen.set_viewport_size({"width": 390, "height": 844})
    for path in PAGES[1:]:  # the home page has no table
        screen.goto(server.url + path.format(home=f"/d/{live[1].name}"))
        assert screen.locator("table.phone-cards tbody tr").count() > 0, path
        assert screen.evaluate(NAMELESS) == [], path
        assert screen.evaluate(CUT_OFF) == 0, path
    screen.goto(f"{server.url}/people")
    names = "e => [...e.querySelectorAll('td')].map((td) => getComputedStyle(td, '::before').content)"
    row = screen.locator("#tokens tbody tr").first.evaluate(names)
    assert row[:-1] == ['"Token"', '"Scope"', '"Made"', '"Last used"', '"Expires"']
    screen.set_viewport_size({"width": 1280, "height": 800})
    assert screen.locator("#tokens thead th").nth(4).inner_text() == "Last used"
    assert screen.locator("#tokens tbody tr").first.evaluate(names)[0] == "none"


def test_on_a_phone_no_table_is_columns_of_three_words(
    screen: Page, server: Server, live: tuple[Database, Made]
) -> None:
    """Also those that are folded at first, and with long names of classes and of the folder."""
    database, made = live
    make_run(database, made.dataset_id, correct(database, made), parent_id=made.run_id)
    with database.write() as session:
        named = "adipose tissue with inflammatory infiltrate, resected"
        rename_class(
            session, get_class(session, dataset_id=made.dataset_id, name="cat"), name=named, user_id=None
        )
        session.get_one(Dataset, made.dataset_id).source = f"/srv/{'photographs_of_the_third_survey_' * 3}"
    screen.set_viewport_size({"width": 390, "height": 844})
    models = f"/models/{made.run_id + 1}"
    results = ("/results", "/results/history", "/results/errors-left", "/results/team", "/results/test-set")
    for path in ("", "/classes", "/manage", "/models", "/models/import", "/models/retrain", models, *results):
        screen.goto(f"{server.url}/d/{made.name}{path}")
        screen.evaluate("() => document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        assert screen.evaluate(NARROW_COLUMNS) == [], path
        assert screen.evaluate(CUT_OFF) == 0, path
        assert not screen.evaluate("() => document.documentElement.scrollWidth > innerWidth"), path


def test_the_legend_of_a_chart_stays_in_its_sheet(
    screen: Page, server: Server, live: tuple[Database, Made]
) -> None:
    database, made = live
    make_run(database, made.dataset_id, correct(database, made), parent_id=made.run_id)
    screen.set_viewport_size({"width": 390, "height": 844})
    screen.goto(f"{server.url}/d/{made.name}/results/history")
    legend = screen.locator("main .legend").first
    expect(legend).to_contain_text("labels of version 1 (newest)")
    ends = legend.evaluate("e => [...e.children].map((label) => label.getBoundingClientRect().right)")
    assert max(ends) <= legend.evaluate("e => e.closest('.sheet').getBoundingClientRect().right")


def test_the_paper_table_shows_each_run_below_its_heading_and_beside_its_labels(
    screen: Page, server: Server, live: tuple[Database, Made]
) -> None:
    database, made = live
    further = make_run(database, made.dataset_id, made.version_id, parent_id=made.run_id)
    cleaned_version = correct(database, made)
    cleaned = make_run(database, made.dataset_id, cleaned_version, parent_id=made.run_id)
    last = make_run(database, made.dataset_id, cleaned_version, parent_id=cleaned)
    screen.goto(f"{server.url}/d/{made.name}/results")
    table = screen.locator("#four-cells table")
    first, beside = (table.locator("thead th").nth(i).inner_text() for i in (1, 2))
    assert (first, beside) == ("First model on these labels", "The model beside it, trained further")
    for row, runs in (("Given labels", (made.run_id, further)), ("Cleaned labels", (cleaned, last))):
        cells = table.locator("tbody tr", has=screen.get_by_role("rowheader", name=row)).locator("td")
        shown = [cells.nth(i).get_by_role("link").get_attribute("href") for i in range(2)]
        assert shown == [f"/d/{made.name}/models/{run}" for run in runs]


LINES_AT_ENDS = """() => [...document.querySelectorAll("table")].flatMap((table) => {
  const end = table.getBoundingClientRect().bottom;
  return [...table.querySelectorAll("th, td")].filter((cell) => cell.checkVisibility()
    && Math.abs(cell.getBoundingClientRect().bottom - end) < 1.5
    && parseFloat(getComputedStyle(cell).borderBottomWidth) > 0).map((cell) => cell.innerText);
})"""


@pytest.mark.parametrize("width", [390, 1280])
def test_no_table_ends_with_a_scrap_of_line(
    screen: Page, server: Server, live: tuple[Database, Made], width: int
) -> None:
    screen.set_viewport_size({"width": width, "height": 800})
    tables = 0
    places = ("", "/classes", "/models/{run}", "/results", "/results/history", "/results/team", "/manage")
    for path in (*PAGES, *(f"{{home}}{place}" for place in places)):
        screen.goto(server.url + path.format(home=f"/d/{live[1].name}", run=live[1].run_id))
        tables += screen.locator("table").count()
        assert screen.evaluate(LINES_AT_ENDS) == [], path
    assert tables > 8
