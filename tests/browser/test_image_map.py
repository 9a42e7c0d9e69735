"""The map in a browser: pointers, keys, the lasso, and the way to the images."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from app.db.engine import Database
from app.deck.lasso import Lasso
from app.ranking.maps import store_map
from app.web.deps import SESSION_COOKIE
from app.web.rendering import static_url
from tests.factories import Made
from tests.servers import Server

Map = tuple[Page, Made]


def places(made: Made) -> np.ndarray:
    """The samples one after another along a line, 300 apart."""
    n = len(made.sample_ids)
    return np.stack([1000 + 300 * np.arange(n), np.full(n, 5000)], axis=1).astype(np.int32)


def opened(context: BrowserContext, server: Server, session: str, live: tuple[Database, Made]) -> Page:
    database, made = live
    store_map(
        database,
        dataset_id=made.dataset_id,
        run_id=made.run_id,
        sample_ids=np.array(made.sample_ids),
        places=places(made),
    )
    context.add_cookies([{"name": SESSION_COOKIE, "value": session, "url": server.url}])
    page = context.new_page()
    page.goto(f"{server.url}/d/{made.name}/images/map")
    return page


@pytest.fixture
def seen(browser: Browser, server: Server, session: str, live: tuple[Database, Made]) -> Iterator[Map]:
    """The map, loaded; nothing of the page may fail in the console."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    problems: list[str] = []
    context.on("weberror", lambda error: problems.append(str(error.error)))
    page = opened(context, server, session, live)
    expect(page.locator("#map[data-ready]")).to_have_count(1)
    yield page, live[1]
    context.close()
    assert problems == []


def on_screen(page: Page, x: float, y: float) -> tuple[float, float]:
    """Where a place of the map lies while all of it is shown."""
    edge = page.locator("#picture").bounding_box()
    assert edge
    scale = (min(edge["width"], edge["height"]) - 50) / 10_000
    return edge["x"] + edge["width"] / 2 + (x - 5000) * scale, edge["y"] + edge["height"] / 2 + (
        y - 5000
    ) * scale


def drag(page: Page, *corners: tuple[float, float]) -> None:
    """From one place of the map to the next."""
    page.mouse.move(*on_screen(page, *corners[0]))
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*on_screen(page, *corner), steps=4)
    page.mouse.up()


def test_pointing_at_an_image_shows_it_and_a_click_opens_it(seen: Map) -> None:
    page, made = seen
    page.mouse.move(*on_screen(page, *places(made)[4]))
    preview = page.locator("#preview")
    expect(preview).to_be_visible()
    expect(preview).to_contain_text(made.paths[4])
    expect(preview.locator("b")).to_have_text(made.paths[4].split("/")[1])
    page.mouse.move(*on_screen(page, 5000, 8000))
    expect(preview).to_be_hidden()
    page.mouse.move(*on_screen(page, *places(made)[4]))
    page.mouse.down()
    page.mouse.up()
    expect(page).to_have_url(re.compile(rf"/images/{made.sample_ids[4]}$"))


def test_a_lasso_leads_to_its_images_and_the_way_back_shows_it_again(seen: Map) -> None:
    page, made = seen
    show = page.locator("#show")
    expect(show).to_have_text(f"Show {len(made.sample_ids)} images in view")
    page.locator("#lasso").click()
    x = places(made)[:, 0]
    drag(page, (x[2] - 150, 4000), (x[6] + 150, 4000), (x[6] + 150, 6000), (x[2] - 150, 6000))
    expect(show).to_have_text("Show 5 images")
    expect(page.locator("#lasso")).to_have_attribute("aria-pressed", "false")
    show.click()
    expect(page).to_have_url(re.compile(r"/images\?within="))
    shown = [int(each.get_attribute("value") or 0) for each in page.locator("[name=shown]").all()]
    assert set(shown) == set(made.sample_ids[2:7])
    page.reload()
    assert page.locator("[name=shown]").count() == 5
    page.go_back()
    expect(show).to_have_text("Show 5 images")
    page.locator("#clear").click()
    expect(show).to_have_text(f"Show {len(made.sample_ids)} images in view")


def test_shift_and_a_drag_select_too_and_a_drag_alone_moves(seen: Map) -> None:
    page, made = seen
    show = page.locator("#show")
    page.keyboard.down("Shift")
    x = places(made)[:, 0]
    drag(page, (x[0] - 150, 4000), (x[1] + 150, 4000), (x[1] + 150, 6000), (x[0] - 150, 6000))
    page.keyboard.up("Shift")
    expect(show).to_have_text("Show 2 images")
    page.keyboard.press("Escape")
    page.locator("#picture").focus()
    page.keyboard.press("Escape")
    expect(page.locator("#clear")).to_be_hidden()
    drag(page, (1000, 3000), (1000, 9500))
    expect(page.locator("#map")).to_have_attribute("data-ready", str(len(made.sample_ids)))
    expect(show).not_to_have_text("Show 2 images")


def test_keys_zoom_move_and_open_the_image_in_the_middle(seen: Map) -> None:
    page, made = seen
    show = page.locator("#show")
    page.locator("#picture").focus()
    for _ in range(12):
        page.keyboard.press("+")
    expect(show).not_to_have_text(f"Show {len(made.sample_ids)} images in view")
    page.keyboard.press("0")
    expect(show).to_have_text(f"Show {len(made.sample_ids)} images in view")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#preview")).to_be_visible()
    expect(page.locator("#map-told")).to_have_text(re.compile(r"^(cat|dog|owl), .+\.png$"))  # read out
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/images/\d+$"))


def test_few_images_in_view_are_shown_themselves(seen: Map) -> None:
    page, made = seen
    shown = page.locator("#map")
    expect(shown).to_have_attribute("data-thumbnails", "0")
    with page.expect_response(re.compile(r"/image\?size=thumbnail")):
        page.locator("#picture").focus()
        for _ in range(5):
            page.keyboard.press("+")
    expect(shown).to_have_attribute("data-thumbnails", re.compile(r"^[1-9]\d?$"))
    assert int(shown.get_attribute("data-thumbnails") or 0) < len(made.sample_ids)
    page.locator("[data-zoom=all]").click()
    expect(shown).to_have_attribute("data-thumbnails", "0")


def test_an_entry_of_the_legend_hides_its_class(seen: Map) -> None:
    page, made = seen
    owls = sum("/owl/" in path for path in made.paths)
    for name in ("cat", "dog"):
        entry = page.locator("#legend button", has_text=name)
        entry.click()
        expect(entry).to_have_attribute("aria-pressed", "false")
    show = page.locator("#show")
    expect(show).to_have_text(f"Show {owls} images in view")
    page.mouse.move(
        *on_screen(page, *places(made)[next(i for i, p in enumerate(made.paths) if "/cat/" in p)])
    )
    expect(page.locator("#preview")).to_be_hidden()
    show.click()
    assert page.locator("[name=shown]").count() == owls
    page.go_back()
    page.locator("[data-by=standing]").click()
    expect(page.locator("#legend button").first).to_contain_text("Label agrees with the model")


def test_on_a_phone_a_tap_shows_an_image_and_a_second_one_opens_it(
    browser: Browser, server: Server, session: str, live: tuple[Database, Made]
) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, reduced_motion="reduce"
    )
    page = opened(context, server, session, live)
    expect(page.locator("#map[data-ready]")).to_have_count(1)
    page.touchscreen.tap(*on_screen(page, *places(live[1])[3]))
    expect(page.locator("#preview")).to_be_visible()
    page.locator("#preview").tap()
    expect(page).to_have_url(re.compile(rf"/images/{live[1].sample_ids[3]}$"))
    context.close()


def test_without_a_script_the_classes_lead_to_the_images(
    browser: Browser, server: Server, session: str, live: tuple[Database, Made]
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = opened(context, server, session, live)
    expect(page.get_by_text("The map is drawn by JavaScript")).to_be_visible()
    expect(page.locator("canvas")).to_be_hidden()
    page.locator("#legend a", has_text="cat").click()
    expect(page).to_have_url(re.compile(r"/images\?class=cat$"))
    context.close()


def test_the_browser_counts_what_lies_inside_as_the_server_does(seen: Map) -> None:
    page, _ = seen
    random = np.random.default_rng(0)
    for _ in range(20):
        corners = random.integers(0, 30, (random.integers(3, 9), 2)).tolist()
        points = random.integers(0, 30, (200, 2)).tolist()
        found: Any = page.evaluate(
            """async ([module, corners, points]) => {
                const { contains } = await import(module);
                return points.map(([x, y]) => contains(corners, x, y));
            }""",
            [static_url("map/lasso.js"), corners, points],
        )
        lasso = Lasso(1, tuple((x, y) for x, y in corners))
        assert found == [lasso.contains(x, y) for x, y in points]
