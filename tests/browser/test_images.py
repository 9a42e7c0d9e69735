"""The images of a data set by mouse and on a phone: marks, and the bar of verdicts that comes with them."""

import pytest
from playwright.sync_api import Page, expect

from app.db.engine import Database
from tests.browser.deck import ready, states
from tests.factories import Made

OUT_OF_SIGHT = """bar => [...bar.querySelectorAll("button, select, output, input")]
  .filter((e) => e.checkVisibility({visibilityProperty: true}))
  .map((e) => [e.getBoundingClientRect(), e.textContent.trim()])
  .filter(([box]) => box.left < 0 || box.right > innerWidth || box.bottom > innerHeight)
  .map(([, words]) => words)"""


@pytest.mark.parametrize("width", [390, 1280, 1920])
def test_the_bar_of_verdicts_comes_with_the_first_mark_and_is_whole(
    page: Page, live: tuple[Database, Made], width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(page.url.replace("/review", "/images"))
    ready(page)
    bar = page.get_by_role("group", name="Verdict for what is marked")
    expect(bar).to_be_hidden()
    page.locator(".tile label").first.click()
    expect(bar).to_be_visible()
    expect(page.locator("#count")).to_have_text("1 marked")
    page.evaluate("Promise.all(document.getAnimations().map((each) => each.finished))")
    assert bar.evaluate(OUT_OF_SIGHT) == []
    box = bar.bounding_box()
    assert box
    assert box["height"] <= 60  # one row
    bar.get_by_role("button", name="Mark nothing").click()
    expect(bar).to_be_hidden()


def test_the_keys_of_the_page_are_behind_a_question_mark(page: Page) -> None:
    page.goto(page.url.replace("/review", "/images"))
    ready(page)
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_contain_text("Mark everything that matches")


def test_on_a_phone_a_class_that_is_chosen_is_given_at_once_and_a_toast_undoes_it(
    page: Page, live: tuple[Database, Made]
) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(page.url.replace("/review", "/images"))
    ready(page)
    page.locator(".tile label").first.click()
    page.get_by_label("Class to relabel to").select_option("owl")
    toast = page.locator(".toast")
    expect(toast).to_contain_text("1 relabelled to owl")
    assert states(live) == {live[1].ranked[0]: ("relabel", 2)}
    expect(page.locator(".tabs a").first).to_be_visible()  # the answer is a whole page
    toast.get_by_role("button", name="Undo").click()
    expect(toast).to_contain_text("Undone for 1 image")
    assert states(live) == {}


def test_a_relabel_without_a_class_asks_for_one(page: Page, live: tuple[Database, Made]) -> None:
    page.goto(page.url.replace("/review", "/images"))
    ready(page)
    page.locator(".tile label").first.click()
    page.get_by_role("button", name="Relabel").click()
    expect(page.locator("#count")).to_have_text("Choose a class first")
    assert states(live) == {}
