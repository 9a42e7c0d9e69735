"""The first card of a visit, its hints, and what a card says after its answer."""

import re

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from app.db.engine import Database
from app.web.deps import SESSION_COOKIE
from tests.browser.conftest import add_person, cookie_of
from tests.browser.deck import card, expect_shown, ready, settle, states
from tests.factories import Made
from tests.servers import Server


def newcomer(browser: Browser, server: Server, live: tuple[Database, Made], name: str) -> Page:
    """The review of somebody who sees it for the first time."""
    add_person(server, name)
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.add_cookies([{"name": SESSION_COOKIE, "value": cookie_of(server, name), "url": server.url}])
    page = context.new_page()
    page.goto(f"{server.url}/d/{live[1].name}/review")
    ready(page)
    expect(card(page)).to_have_count(1)
    return page


def opened(browser: Browser, server: Server, session: str) -> Page:
    """An empty page of Ann's."""
    context = browser.new_context()
    context.add_cookies([{"name": SESSION_COOKIE, "value": session, "url": server.url}])
    return context.new_page()


def test_the_first_cards_are_asked_for_once_and_before_the_scripts_of_the_review_are_there(
    browser: Browser, server: Server, session: str, live: tuple[Database, Made]
) -> None:
    page = opened(browser, server, session)
    held: list[Route] = []
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/claims" in request.url else None)
    page.route("**/review/start.js", lambda route: held.append(route))  # noqa: PLW0108 - a builtin is refused
    address = f"{server.url}/d/{live[1].name}/review"
    with page.expect_response(re.compile(r"/image\?size=display")):  # the picture of the first one too
        page.goto(address, wait_until="commit")
    for route in held:
        route.continue_()
    expect_shown(page, live[1].ranked[0])
    page.keyboard.press("q")
    expect_shown(page, live[1].ranked[1])
    settle(page)
    assert len(asked) == 1
    assert page.locator("script[src*=htmx]").count() == 0  # which they would wait for
    page.context.close()


@pytest.mark.parametrize("broken", ["first.js", "claims"])
def test_the_first_cards_come_where_asking_early_has_failed(
    browser: Browser, server: Server, session: str, live: tuple[Database, Made], broken: str
) -> None:
    page = opened(browser, server, session)
    page.route(f"**/review/{broken}", lambda route: route.abort(), times=1)
    page.goto(f"{server.url}/d/{live[1].name}/review")
    expect_shown(page, live[1].ranked[0])
    page.context.close()


def test_hints_are_put_away_by_their_button_in_every_browser_of_the_person(
    browser: Browser, server: Server, live: tuple[Database, Made]
) -> None:
    page = newcomer(browser, server, live, "nora")
    hints = page.get_by_role("region", name="First steps")
    expect(hints.get_by_role("listitem")).to_have_count(3)
    with page.expect_response(lambda answer: answer.url.endswith("/review/hints")):
        hints.get_by_role("button", name="Got it").click()
    expect(hints).to_have_count(0)
    other = browser.new_context()
    other.add_cookies([{"name": SESSION_COOKIE, "value": cookie_of(server, "nora"), "url": server.url}])
    elsewhere = other.new_page()
    elsewhere.goto(page.url)
    expect(card(elsewhere)).to_have_count(1)
    expect(elsewhere.get_by_role("region", name="First steps")).to_have_count(0)
    other.close()
    page.context.close()


def test_hints_go_with_the_third_answer_and_move_nothing(
    browser: Browser, server: Server, live: tuple[Database, Made]
) -> None:
    page = newcomer(browser, server, live, "nils")
    hints = page.get_by_role("region", name="First steps")
    before = card(page).locator(".panel").bounding_box()
    for key in "qq":
        page.keyboard.press(key)
    expect(hints).to_be_visible()
    with page.expect_response(lambda answer: answer.url.endswith("/review/hints")):
        page.keyboard.press("q")
    expect(hints).to_have_count(0)
    assert card(page).locator(".panel").bounding_box() == before
    settle(page)
    page.reload()
    expect(card(page)).to_have_count(1)
    expect(hints).to_have_count(0)
    page.context.close()


def test_a_toast_says_what_was_answered_and_undoes_it(page: Page, live: tuple[Database, Made]) -> None:
    made = live[1]
    said = page.locator(".toast")
    expect(said).to_have_count(0)
    given, model = card(page).locator(".labels dd").all_inner_texts()
    page.keyboard.press("w")
    expect(said).to_contain_text(f"{given} → {model.split()[0]}")
    page.keyboard.press("q")
    expect(said).to_contain_text("Kept ")
    page.keyboard.press("e")
    expect(said).to_contain_text("Deleted: ")
    settle(page)
    said.get_by_role("button", name="Undo").click()
    expect_shown(page, made.ranked[2])
    expect(said).to_have_count(0)
    settle(page)
    assert {*states(live)} == {*made.ranked[:2]}
