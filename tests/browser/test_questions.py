"""The question before a large act, by keyboard alone and without JavaScript."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import func, select

from app.db.engine import Database
from app.review.models import Decision
from app.web.deps import SESSION_COOKIE
from tests.browser.deck import ready
from tests.factories import Made, make_dataset
from tests.servers import Server


@pytest.fixture
def live(server: Server, tmp_path: Path):
    """A data set of 120 images."""
    database = Database(f"sqlite:///{server.data_dir / 'toploss.db'}")
    yield (
        database,
        make_dataset(database, tmp_path / "images", name=f"many-{tmp_path.name}", per_class=30, wrong=120),
    )
    database.close()


def decided(database: Database, made: Made) -> int:
    with database.read() as session:
        query = select(func.count()).select_from(Decision).where(Decision.dataset_id == made.dataset_id)
        return session.scalar(query) or 0


def picture(page: Page, name: str) -> None:
    """Kept where somebody wants to look at them."""
    if folder := os.environ.get("TOPLOSS_TEST_PICTURES"):
        page.screenshot(path=f"{folder}/{name}.png")


def test_all_that_match_are_judged_by_keys_after_a_question(page: Page, live: tuple[Database, Made]) -> None:
    database, made = live
    page.goto(page.url.replace("/review", "/images"))
    page.keyboard.press("Control+a")
    page.keyboard.press("e")
    expect(page.get_by_role("heading", name="Remove 120 images?")).to_be_visible()
    for width in (390, 1280):
        for scheme in ("light", "dark"):
            page.set_viewport_size({"width": width, "height": 800})
            page.emulate_media(color_scheme=scheme)
            picture(page, f"question-{width}-{scheme}")
    assert decided(database, made) == 0
    expect(page.get_by_role("button", name="Remove 120 images")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("120 deleted").first).to_be_visible()
    ready(page)
    assert decided(database, made) == 120
    page.keyboard.press("z")
    expect(page.get_by_role("heading", name="Take back what was said of 120 images?")).to_be_visible()
    expect(page.get_by_role("link", name="No, go back")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("120 deleted").first).to_be_visible()
    ready(page)
    assert decided(database, made) == 120


def test_a_few_marked_images_are_judged_at_once(page: Page, live: tuple[Database, Made]) -> None:
    database, made = live
    page.goto(page.url.replace("/review", "/images"))
    page.get_by_role("checkbox").nth(2).check()
    page.keyboard.press("e")
    expect(page.get_by_text("1 deleted").first).to_be_visible()
    assert decided(database, made) == 1


def test_the_question_works_without_scripts(
    browser: Browser, server: Server, session: str, live: tuple[Database, Made]
) -> None:
    database, made = live
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies([{"name": SESSION_COOKIE, "value": session, "url": server.url}])
    page = context.new_page()
    page.goto(f"{server.url}/d/{made.name}/images")
    page.locator("#everything").check()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("link", name="No, go back").click()
    assert decided(database, made) == 0
    page.locator("#everything").check()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Remove 120 images").click()
    expect(page.get_by_text("120 deleted").first).to_be_visible()
    assert decided(database, made) == 120
    context.close()
