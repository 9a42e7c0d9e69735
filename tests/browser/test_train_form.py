"""The form of a training in a browser: a card shows its own numbers, with and without scripts."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from app.db.engine import Database
from app.ml.recipes import RECIPES
from app.web.deps import SESSION_COOKIE
from tests.browser.conftest import add_person, cookie_of
from tests.factories import Made
from tests.servers import Server


@pytest.fixture(scope="module")
def admin(server: Server) -> str:
    add_person(server, "tess", role="admin")
    return cookie_of(server, "tess")


@pytest.fixture(params=[True, False], ids=["scripts", "no scripts"])
def form(
    request: pytest.FixtureRequest,
    browser: Browser,
    server: Server,
    admin: str,
    live: tuple[Database, Made],
) -> Iterator[Page]:
    context = browser.new_context(java_script_enabled=request.param, viewport={"width": 390, "height": 844})
    context.add_cookies([{"name": SESSION_COOKIE, "value": admin, "url": server.url}])
    page = context.new_page()
    page.goto(f"{server.url}/d/{live[1].name}/models/train")
    yield page
    context.close()


def test_a_card_shows_its_numbers_and_is_what_trains(form: Page, request: pytest.FixtureRequest) -> None:
    expect(form.locator("[name=epochs]")).to_be_hidden()
    card = form.locator("#recipe-paper")
    form.locator("#recipe-quick").focus()
    form.keyboard.press("Space")
    card.check()
    if "no scripts" in request.node.name:
        form.get_by_text("Advanced", exact=True).click()
        form.get_by_role("button", name="Show its numbers").click()
    else:
        expect(form.locator("[name=shown_recipe]")).to_have_value("paper")
    expect(form.locator("#recipe-paper")).to_be_checked()
    if not form.locator("[name=batch_size]").is_visible():
        form.get_by_text("Advanced", exact=True).click()
    expect(form.locator("[name=batch_size]")).to_have_value(str(RECIPES["paper"].batch_size))
    assert not form.evaluate("() => document.documentElement.scrollWidth > innerWidth")
    form.get_by_role("button", name="Train", exact=True).click()
    expect(form.get_by_role("heading", level=1)).to_contain_text("Model")
    expect(form.locator("main")).to_contain_text("Recipe paper")
    expect(form.get_by_role("status").first).to_contain_text("requested")
