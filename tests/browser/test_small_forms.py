"""Forms that only ask, and lines of code to copy, in a real Chromium."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from app.db.engine import Database
from app.web.deps import SESSION_COOKIE
from tests.browser.conftest import add_person, cookie_of
from tests.factories import Made
from tests.servers import Server


@pytest.fixture
def tab(browser: Browser, server: Server, session: str) -> Iterator[Page]:
    """A page of ann; nothing of it may fail in the console."""
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    context.add_cookies([{"name": SESSION_COOKIE, "value": session, "url": server.url}])
    opened = context.new_page()
    failures: list[str] = []
    opened.on("pageerror", lambda error: failures.append(str(error)))
    yield opened
    context.close()
    assert failures == []


def test_classes_are_found_while_one_types_without_a_button(
    tab: Page, server: Server, live: tuple[Database, Made]
) -> None:
    tab.goto(f"{server.url}/d/{live[1].name}/classes")
    expect(tab.get_by_role("button", name="Find")).to_be_hidden()
    field = tab.get_by_label("Find a class")
    field.press_sequentially("ow")
    expect(tab.locator("#found tbody tr")).to_have_count(1)
    expect(tab.locator("#found")).to_contain_text("owl")
    expect(field).to_be_focused()
    expect(tab).to_have_url(f"{server.url}/d/{live[1].name}/classes?q=ow")
    field.press("Backspace")
    field.press("Backspace")
    expect(tab.locator("#found tbody tr")).to_have_count(3)


def test_the_lines_of_a_format_are_shown_when_it_is_chosen_and_copied_by_a_button(
    tab: Page, server: Server, live: tuple[Database, Made]
) -> None:
    tab.goto(f"{server.url}/d/{live[1].name}/export")
    expect(tab.get_by_text("pd.read_parquet")).to_be_visible()
    expect(tab.get_by_text("torchvision.datasets")).to_be_hidden()
    tab.get_by_role("radio", name="imagefolder").check()
    expect(tab.get_by_text("pd.read_parquet")).to_be_hidden()
    lines = tab.locator("pre", has_text="torchvision.datasets")
    expect(lines).to_be_visible()
    button = tab.locator(".reader", has_text="torchvision").get_by_role("button", name="Copy")
    button.click()
    expect(tab.get_by_role("button", name="Copied")).to_be_visible()
    assert tab.evaluate("() => navigator.clipboard.readText()") == lines.text_content()


def test_a_new_token_is_copied_by_a_button(tab: Page, server: Server) -> None:
    tab.goto(f"{server.url}/account")
    tab.get_by_label("What will use it").fill("nightly")
    tab.get_by_role("button", name="Make a token").click()
    token = tab.locator("code.secret").first
    tab.locator("p", has=tab.get_by_text("Copy your new token now")).get_by_role(
        "button", name="Copy"
    ).click()
    expect(tab.get_by_role("button", name="Copied")).to_be_visible()
    assert tab.evaluate("() => navigator.clipboard.readText()") == token.inner_text()


def test_a_filter_needs_no_button_also_where_one_may_only_look(
    tab: Page, server: Server, live: tuple[Database, Made]
) -> None:
    add_person(server, "vic", role="viewer")
    tab.context.add_cookies([{"name": SESSION_COOKIE, "value": cookie_of(server, "vic"), "url": server.url}])
    tab.goto(f"{server.url}/d/{live[1].name}/images")
    expect(tab.get_by_role("button", name="Show")).to_be_hidden()
    tab.get_by_label("Class now").select_option("cat")
    expect(tab).to_have_url(f"{server.url}/d/{live[1].name}/images?class=cat")
    expect(tab.get_by_text("that match")).to_be_visible()
