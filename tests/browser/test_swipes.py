"""Swipes on a touch screen: right keeps, left accepts, up skips, and one that comes back does nothing."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from app.db.engine import Database
from app.web.deps import SESSION_COOKIE
from tests.browser.deck import card, expect_shown, ready, settle, states
from tests.factories import Made
from tests.servers import Server


@pytest.fixture
def phone(browser: Browser, server: Server, session: str, live: tuple[Database, Made]) -> Iterator[Page]:
    """Ann's review on a phone."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    context.add_cookies([{"name": SESSION_COOKIE, "value": session, "url": server.url}])
    opened = context.new_page()
    opened.goto(f"{server.url}/d/{live[1].name}/review")
    ready(opened)
    expect(card(opened)).to_have_count(1)
    yield opened
    context.close()


def swipe(page: Page, *way: tuple[int, int]) -> None:
    """Put a finger on the middle of the image, move it through these places from there, and lift it."""
    devtools = page.context.new_cdp_session(page)
    box = card(page).locator(".frame").bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    devtools.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for dx, dy in way:
        point = {"x": x + dx, "y": y + dy}
        devtools.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
    devtools.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    devtools.detach()


def test_a_swipe_keeps_accepts_and_skips(phone: Page, live: tuple[Database, Made]) -> None:
    made = live[1]
    swipe(phone, (40, 0), (120, 5))
    expect_shown(phone, made.ranked[1])
    swipe(phone, (-40, 0), (-120, 5))
    expect_shown(phone, made.ranked[2])
    swipe(phone, (0, -40), (5, -120))
    expect_shown(phone, made.ranked[3])
    settle(phone)
    found = states(live)
    assert [found[made.ranked[place]][0] for place in (0, 1)] == ["keep", "relabel"]
    assert len(found) == 2


def test_a_short_or_withdrawn_swipe_does_nothing(phone: Page, live: tuple[Database, Made]) -> None:
    for way in ([(20, 0)], [(140, 0), (10, 0)], [(120, 110)], [(0, 140)]):
        swipe(phone, *way)
        expect_shown(phone, live[1].ranked[0])
    assert states(live) == {}


def test_in_a_zoomed_image_and_with_the_keys_off_a_swipe_does_nothing(
    phone: Page, live: tuple[Database, Made]
) -> None:
    first = live[1].ranked[0]
    phone.get_by_role("button", name="Zoom in").click()
    swipe(phone, (60, 0), (140, 0))
    expect_shown(phone, first)
    phone.get_by_role("button", name="Zoom out").click()
    phone.get_by_role("button", name="? Keys").click()
    phone.get_by_label("Keys and swipes are on in this browser").uncheck()
    phone.get_by_role("button", name="Close").click()
    swipe(phone, (60, 0), (140, 0))
    expect_shown(phone, first)
    assert states(live) == {}
