"""The pages of Results in a browser: where a look at random images ends, and what fits a phone."""

import re
import uuid

from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from app.accounts.models import User
from app.db.engine import Database
from app.remaining.audits import start_audit
from app.review.checks import Answer
from app.review.decisions import decide
from app.web.deps import SESSION_COOKIE
from tests.browser.deck import card, ready, settle
from tests.factories import Made, make_run
from tests.servers import Server

PAGES = ("results", "results/images", "results/errors-left", "results/history", "results/test-set")


def ann(database: Database) -> int:
    with database.read() as session:
        return session.scalars(select(User.id).where(User.name == "ann")).one()


def test_a_look_at_random_images_ends_with_its_last_one_and_leads_to_the_estimate(
    page: Page, live: tuple[Database, Made]
) -> None:
    database, made = live
    with database.write() as session:
        start_audit(session, dataset_id=made.dataset_id, user_id=ann(database), size=20)
    page.goto(page.url.split("?")[0] + "?order=random")
    expect(card(page)).to_have_count(1)
    ready(page)
    for _ in range(20):
        before = card(page).get_attribute("data-sample")
        page.keyboard.press("q")
        expect(page.locator(f'.card[data-sample="{before}"]:not([hidden])')).to_have_count(0)
    settle(page)
    expect(page.get_by_role("heading", name="All 20 random images are looked at")).to_be_visible()
    expect(card(page)).to_have_count(0)  # four images are undecided
    page.get_by_role("link", name="See how many errors are left").click()
    expect(page).to_have_url(re.compile(r"/results/errors-left$"))
    expect(page.locator(".answer")).to_contain_text("left")
    expect(page.locator("table.intervals")).to_be_visible()


def test_the_pages_of_results_fit_a_phone_with_their_pictures_and_without_scripts(
    browser: Browser, server: Server, session: str, live: tuple[Database, Made]
) -> None:
    database, made = live
    make_run(database, made.dataset_id, made.version_id, wrong=4, parent_id=made.run_id)
    for sample, verdict in zip(made.ranked, ("delete", "delete", "keep"), strict=False):
        with database.write() as writing:
            answer = Answer(sample_id=sample, verdict=verdict, client_id=str(uuid.uuid4()))
            decide(writing, answer, dataset_id=made.dataset_id, user_id=ann(database))
    for scripts in (True, False):
        context = browser.new_context(
            viewport={"width": 390, "height": 844}, java_script_enabled=scripts, color_scheme="dark"
        )
        context.add_cookies([{"name": SESSION_COOKIE, "value": session, "url": server.url}])
        opened = context.new_page()
        for where in PAGES:
            opened.goto(f"{server.url}/d/{made.name}/{where}")
            expect(opened.locator("h1")).to_be_visible()
            for summary in opened.locator("main details > summary").all():
                if summary.is_visible():
                    summary.click()
            wide = opened.evaluate("document.documentElement.scrollWidth")
            assert wide <= 390, (where, scripts, wide)
        context.close()


def test_the_picture_of_what_was_fixed_is_shown_whole(page: Page, live: tuple[Database, Made]) -> None:
    database, made = live
    with database.write() as session:
        answer = Answer(sample_id=made.ranked[0], verdict="delete", client_id="one")
        decide(session, answer, dataset_id=made.dataset_id, user_id=ann(database))
    page.goto(page.url.partition("/review")[0] + "/results/history")
    picture = page.get_by_alt_text("1 error fixed: images with their old and their new label")
    picture.scroll_into_view_if_needed()
    expect(picture).to_be_visible()
    page.wait_for_function("image => image.complete && image.naturalWidth", arg=picture.element_handle())
    size = picture.evaluate("image => [image.naturalWidth, image.naturalHeight, image.width / image.height]")
    assert size[:2] == [1200, 630]
    assert abs(size[2] - 1200 / 630) < 0.02
    with page.expect_download() as saved:
        page.get_by_role("link", name="Save the picture").click()
    assert saved.value.suggested_filename == f"{made.name}-errors-fixed.png"
