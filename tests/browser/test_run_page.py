"""A run's page in a browser: the curves grow while it learns, and can be saved as pictures."""

import re
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, expect

from app.db.engine import Database
from app.ml.recipes import RECIPES
from app.training.ending import record_epoch, start_run
from app.training.models import Epoch
from app.training.requesting import request_run
from app.web.deps import SESSION_COOKIE
from tests.browser.conftest import add_person, cookie_of
from tests.factories import Made
from tests.servers import Server


def record(database: Database, run: int, epoch: int) -> None:
    with database.write() as session:
        record_epoch(
            session,
            Epoch(
                run_id=run,
                fold=-1,
                epoch=epoch,
                train_loss=2 - epoch / 10,
                valid_loss=2.0,
                error_rate=0.5,
                seconds=1.0,
            ),
        )


def begin(database: Database, made: Made) -> int:
    """The id of a run that a worker has begun."""
    with database.write() as session:
        run = request_run(
            session,
            dataset_id=made.dataset_id,
            version_id=made.version_id,
            recipe=RECIPES["quick"],
            weights="none",
            parent_id=None,
            seed=9,
            user_id=None,
        ).id
        start_run(session, run_id=run)
    return run


def test_the_curves_grow_while_the_run_learns_and_can_be_saved(
    browser: Browser, server: Server, session: str, live: tuple[Database, Made], tmp_path: Path
) -> None:
    database, made = live
    run = begin(database, made)
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.add_cookies([{"name": SESSION_COOKIE, "value": session, "url": server.url}])
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
    page.goto(f"{server.url}/d/{made.name}/models/{run}")
    expect(page.get_by_text("They begin with the first finished epoch")).to_be_visible()
    loss = page.locator("#curves section", has=page.get_by_role("heading", name="Loss by epoch"))
    for epoch in range(2):
        record(database, run, epoch)
        expect(loss.locator("details tbody tr")).to_have_count(epoch + 1, timeout=20_000)
        expect(loss.locator("canvas")).to_have_count(1)  # drawn anew, not the numbers alone
    with page.expect_download() as download:
        loss.get_by_role("button", name="PNG").click()
    assert download.value.suggested_filename == "Loss by epoch.png"
    download.value.save_as(tmp_path / "chart.png")
    with Image.open(tmp_path / "chart.png") as picture:
        assert picture.width >= 300
        assert (
            len(picture.convert("RGB").getcolors(maxcolors=1 << 20)) > 5
        )  # lines and words, not an empty ground
    context.close()
    assert problems == []


def test_a_part_that_is_fetched_again_keeps_what_is_pressed_focused_or_open(
    browser: Browser, server: Server, live: tuple[Database, Made]
) -> None:
    database, made = live
    run = begin(database, made)
    record(database, run, 0)
    add_person(server, f"ida{run}", role="admin")
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    cookie = cookie_of(server, f"ida{run}")
    context.add_cookies([{"name": SESSION_COOKIE, "value": cookie, "url": server.url}])
    page = context.new_page()
    page.goto(f"{server.url}/d/{made.name}/models/{run}")
    again = """id => { window.swaps = 0; document.addEventListener("htmx:afterSwap", ({ target }) => {
        window.swaps += target.id === id;
    }); }"""
    page.evaluate(again, "curves")
    numbers = page.locator("#curves details").last
    numbers.locator("summary").click()
    record(database, run, 1)
    page.wait_for_function("() => window.swaps === 1")
    expect(numbers.locator("tbody tr")).to_have_count(2)
    expect(numbers.locator("table")).to_be_visible()
    expect(numbers.locator("summary")).to_be_focused()
    expect(page.locator("#curves details[open]")).to_have_count(1)

    cancel = page.get_by_role("button", name="Cancel the training")
    cancel.focus()
    page.evaluate(again, "live")
    page.wait_for_function("() => window.swaps >= 1")
    expect(cancel).to_be_focused()
    cancel.hover()
    page.mouse.down()
    with page.expect_response(re.compile(f"/models/{run}/progress$")) as seen:
        pass
    seen.value.finished()
    with page.expect_navigation(url=re.compile(f"/models/{run}/cancel$")):
        page.mouse.up()
    context.close()


def test_a_model_is_short_and_its_tabs_open_one_another_also_without_scripts(
    browser: Browser, server: Server, session: str, live: tuple[Database, Made]
) -> None:
    _, made = live
    for scripts in (True, False):
        context = browser.new_context(viewport={"width": 1280, "height": 800}, java_script_enabled=scripts)
        context.add_cookies([{"name": SESSION_COOKIE, "value": session, "url": server.url}])
        page = context.new_page()
        page.goto(f"{server.url}/d/{made.name}/models/{made.run_id}")
        box = page.locator("main").bounding_box()
        assert box is not None
        assert box["height"] < 2400
        assert len(page.locator("main").inner_text().split()) <= 300
        curves, facts = page.get_by_text("Loss by epoch"), page.get_by_role("rowheader", name="Seed")
        expect(curves).to_be_visible()
        expect(facts).to_be_hidden()
        page.get_by_text("Facts", exact=True).focus()
        page.keyboard.press("Enter")
        expect(facts).to_be_visible()
        expect(curves).to_be_hidden()
        context.close()


def test_without_scripts_the_numbers_stand_in_place_of_a_chart(
    browser: Browser, server: Server, session: str, live: tuple[Database, Made]
) -> None:
    _, made = live
    for scripts in (True, False):
        context = browser.new_context(java_script_enabled=scripts)
        context.add_cookies([{"name": SESSION_COOKIE, "value": session, "url": server.url}])
        page = context.new_page()
        page.goto(f"{server.url}/d/{made.name}/models/{made.run_id}")
        loss = page.locator("#curves section", has=page.get_by_role("heading", name="Loss by epoch"))
        expect(loss.locator("[data-chart]")).to_be_visible(visible=scripts)
        expect(loss.get_by_role("cell", name="1.1")).to_be_visible(visible=not scripts)
        context.close()


def test_a_chart_says_its_values_at_the_pointer_and_draws_an_error_from_zero(
    browser: Browser, server: Server, session: str, live: tuple[Database, Made]
) -> None:
    database, made = live
    for epoch in (1, 2):
        record(database, made.run_id, epoch)
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.add_cookies([{"name": SESSION_COOKIE, "value": session, "url": server.url}])
    page = context.new_page()
    page.goto(f"{server.url}/d/{made.name}/models/{made.run_id}")
    error = page.locator("#curves section", has=page.get_by_role("heading", name="Error by epoch"))
    plot = error.locator(".u-over")
    box = plot.bounding_box()
    assert box is not None
    plot.hover(position={"x": box["width"] - 4, "y": box["height"] / 2})
    tip = error.locator(".chart-tip")
    expect(tip).to_be_visible()
    assert re.fullmatch(r"epoch 3\nerror 50 % \([\d.]+ to [\d.]+\)", tip.inner_text())
    assert page.locator(".u-legend").count() == 0
    lowest = "e => JSON.parse(e.dataset.chart).low"
    assert error.locator("[data-chart]").evaluate(lowest) == 0
    context.close()
