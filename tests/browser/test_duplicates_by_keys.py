"""Duplicates by keys: the group with the frame gets the answer, and the next one has the frame."""

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import update

from app.datasets.models import Sample
from app.db.engine import Database
from tests.browser.deck import ready, states
from tests.factories import Made


@pytest.fixture
def groups(live: tuple[Database, Made]) -> list[tuple[int, int]]:
    """Three pairs of a cat and a dog that look the same."""
    database, made = live
    cats, dogs = (
        [made.sample_ids[made.paths.index(f"train/{name}/00{i}.png")] for i in range(3)]
        for name in ("cat", "dog")
    )
    pairs = list(zip(cats, dogs, strict=True))
    with database.write() as session:
        for pair in pairs:
            session.execute(update(Sample).where(Sample.id.in_(pair)).values(lookalikes=pair[0]))
    return pairs


def test_digits_answer_space_goes_on_and_z_undoes(
    page: Page, live: tuple[Database, Made], groups: list[tuple[int, int]]
) -> None:
    page.goto(page.url.replace("/review", "/images/duplicates"))
    ready(page)
    current = page.locator(".twins.current")
    expect(page.locator(".twins")).to_have_count(3)
    page.keyboard.press(" ")
    expect(current).to_have_attribute("aria-label", "Group 2")
    page.keyboard.press("1")  # cats come first: both labels are as frequent
    expect(page.locator(".twins")).to_have_count(2)
    ready(page)
    expect(current).to_have_attribute("aria-label", "Group 2")  # which was the third
    assert set(states(live)) == set(groups[1])
    assert {label for _, label in states(live).values()} == {0}
    page.keyboard.press("e")
    expect(page.locator(".twins")).to_have_count(1)
    ready(page)
    assert {states(live)[each][0] for each in groups[2]} == {"delete"}
    page.keyboard.press("z")
    expect(page.locator(".twins")).to_have_count(2)
    assert set(states(live)) == set(groups[1])


@pytest.mark.parametrize("width", [1280, 390])
def test_two_groups_share_a_row_where_there_is_room(
    page: Page, groups: list[tuple[int, int]], width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(page.url.replace("/review", "/images/duplicates"))
    first, second = (page.locator(".twins").nth(i).bounding_box() for i in range(2))
    assert first
    assert second
    assert (first["y"] == second["y"]) == (width == 1280)
