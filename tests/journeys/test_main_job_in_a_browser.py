"""The main job in Chromium with a real worker: import, train, review, undo, retrain, compare, export."""

import csv
import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from app.faces.folder import write_demo_folder
from tests.conftest import PASSWORD
from tests.servers import Server, start_server
from tests.small_worker import start_small_worker

MINUTES = 60_000  # ms


@pytest.fixture
def working_server(sqlite_url: str, tmp_path: Path) -> Iterator[Server]:
    with (
        start_server(tmp_path / "data", database_url=sqlite_url) as running,
        start_small_worker(running.env, running.log),
    ):
        running.command("user", "add", "ada", "--role", "admin", "--password-stdin", stdin=f"{PASSWORD}\n")
        yield running


@pytest.fixture
def page(chromium: str, working_server: Server) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        opened = browser.new_page(
            base_url=working_server.url, viewport={"width": 1280, "height": 800}, accept_downloads=True
        )
        yield opened
        browser.close()


def try_photos(page: Page, photos: list[Path]) -> None:
    """From a finished run's page."""
    page.get_by_role("link", name="Try it on a photo").click()
    page.locator("input[type=file]").set_input_files(photos)
    page.get_by_role("button", name="Predict").click()
    tables = page.locator(".photos").get_by_role("table")
    expect(tables).to_have_count(2, timeout=MINUTES)  # comes without the page being loaded anew
    assert sum(
        float(cell.removesuffix("\xa0%")) for cell in tables.first.locator("td.num").all_inner_texts()
    ) == pytest.approx(100, abs=0.5)
    expect(page.locator("[hx-get]")).to_have_count(0)
    page.get_by_role("button", name="Remove").first.click()
    page.get_by_role("button", name="Remove the photo").click()
    expect(tables).to_have_count(1)


def sign_in(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Data sets")).to_be_visible()


def test_from_a_zip_of_noisy_labels_to_a_better_model_and_an_export(page: Page, tmp_path: Path) -> None:
    truth = write_demo_folder(tmp_path / "faces", images=72, size=32, seed=1)
    archive = shutil.make_archive(str(tmp_path / "faces"), "zip", tmp_path / "faces" / "images")

    sign_in(page)
    page.goto("/datasets/new")
    page.get_by_role("textbox", name=re.compile("^Name")).fill("faces")
    page.locator("input[name=file]").set_input_files(archive)
    page.get_by_role("button", name=re.compile("Import")).click()
    page.wait_for_url("**/d/faces")
    page.get_by_role("button", name="Import these images").click()
    expect(page.get_by_role("heading", name="Train a model")).to_be_visible(timeout=MINUTES)

    page.get_by_label("Next step").locator("a.button", has_text="Train").click()
    page.get_by_role("radio", name=re.compile("^quick")).check()
    page.get_by_text("Advanced", exact=True).click()
    page.locator("[name=epochs]").fill("2")
    page.get_by_role("button", name="Train", exact=True).click()
    page.wait_for_url(re.compile(r"/d/faces/models(/1)?$"))
    page.goto("/d/faces/models/1")
    expect(page.get_by_role("heading", name="Confusions")).to_be_visible(timeout=4 * MINUTES)

    try_photos(page, [tmp_path / "faces" / "images" / row.path for row in truth.rows[:2]])

    page.goto("/d/faces/review")
    card = page.locator(".card:not([hidden])")
    expect(card).to_have_count(1)
    first = card.get_attribute("data-sample")
    for key in ("w", "e", "w", "q"):
        before = card.get_attribute("data-sample")
        page.keyboard.press(key)
        expect(card).not_to_have_attribute("data-sample", before or "")
    page.keyboard.press("z")
    page.keyboard.press("e")
    expect(page.locator("body")).to_have_attribute("data-unsaved", "0")
    assert first != card.get_attribute("data-sample")

    page.goto("/d/faces/models/retrain")
    expect(page.get_by_role("heading", name="Retrain", exact=True)).to_be_visible()
    page.get_by_role("button", name="Retrain").click()
    page.wait_for_url(re.compile(r"/d/faces/models/2$"))
    page.goto("/d/faces/models/2")
    expect(page.get_by_role("heading", name="Confusions")).to_be_visible(timeout=4 * MINUTES)
    page.goto("/d/faces/results?old=1&new=2")
    expect(page.get_by_role("table").first).to_be_visible()
    assert "given" in page.inner_text("main").lower()

    page.goto("/d/faces/export")
    page.get_by_role("radio", name=re.compile("^csv about")).check()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text())))
    verdicts = [row["verdict"] for row in rows if row["verdict"]]
    assert sorted(verdicts) == ["relabel", "relabel"]
    assert len(rows) == len(truth.rows) - 2
    assert {row["version"] for row in rows} == {"1"}
