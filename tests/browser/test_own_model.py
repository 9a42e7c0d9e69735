"""The form of an own model in a browser: a wrong file is named, a right one leads to its run and the deck."""

from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, expect

from app.db.engine import Database
from app.web.deps import SESSION_COOKIE
from tests.browser.conftest import add_person, cookie_of
from tests.factories import CLASSES, Made
from tests.ranking.prediction_files import as_npz
from tests.servers import Server


def test_a_wrong_file_is_named_and_a_right_one_is_reviewed(
    browser: Browser, server: Server, live: tuple[Database, Made], tmp_path: Path
) -> None:
    _, made = live
    add_person(server, "oskar", role="admin")
    context = browser.new_context()
    context.add_cookies([{"name": SESSION_COOKIE, "value": cookie_of(server, "oskar"), "url": server.url}])
    page = context.new_page()
    page.goto(f"{server.url}/d/{made.name}/models")
    page.get_by_role("link", name="Import predictions").click()
    given = np.array([CLASSES.index(path.split("/")[1]) for path in made.paths])
    values = np.eye(3)[given] * 4 - 2
    path = as_npz(tmp_path / "mine.npz", values, ids=made.paths, classes=CLASSES)
    page.get_by_label("Out of sample").check()
    page.get_by_label("Predictions").set_input_files(path)
    page.get_by_role("button", name="Import predictions").click()
    expect(page.get_by_role("alert")).to_contain_text("scores before the softmax (logits)")
    expect(page.get_by_label("Out of sample")).to_be_checked()
    odds = np.exp(values)
    odds[3] = np.roll(odds[3], 1)
    as_npz(path, odds / odds.sum(axis=1, keepdims=True), ids=made.paths, classes=CLASSES)
    page.get_by_label("Predictions").set_input_files(path)
    page.get_by_role("button", name="Import predictions").click()
    expect(page.get_by_text("mine.npz, out of sample, your own model")).to_be_visible()
    page.get_by_role("link", name="Review", exact=True).first.click()
    expect(page.locator(f'img[src*="/samples/{made.sample_ids[3]}/"]').first).to_be_attached()
    context.close()
