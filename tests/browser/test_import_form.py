"""The form of an import in Chromium: mistakes are told before anything is sent, and the upload is watched."""

import io
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from app.web.deps import SESSION_COOKIE
from tests.browser.conftest import add_person, cookie_of
from tests.browser.test_accessibility import OPTIONS
from tests.factories import CLASSES, photo
from tests.servers import Server
from tests.web.pages.datasets.test_new_dataset import pets

DROP = """(files) => {  // what a drop of files brings
    const carried = new DataTransfer();
    for (const [name, bytes] of files) carried.items.add(new File([Uint8Array.from(bytes)], name));
    document.dispatchEvent(new DragEvent("drop", { dataTransfer: carried, bubbles: true, cancelable: true }));
}"""


@pytest.fixture(scope="module")
def eve(server: Server) -> str:
    """The log-in cookie of eve, an admin."""
    add_person(server, "eve", role="admin")
    return cookie_of(server, "eve")


@pytest.fixture
def form(browser: Browser, server: Server, eve: str) -> Iterator[Page]:
    """The form of an import as eve sees it; nothing of the page may fail in the console."""
    context = browser.new_context(viewport={"width": 390, "height": 800})
    context.add_cookies([{"name": SESSION_COOKIE, "value": eve, "url": server.url}])
    page = context.new_page()
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.goto(f"{server.url}/datasets/new")
    yield page
    context.close()
    assert failures == []


def name_of(form: Page) -> Locator:
    return form.get_by_label("Name letters")


def sent_by(form: Page) -> list[str]:
    sent: list[str] = []
    form.on("request", lambda request: sent.append(request.method))
    return sent


def test_a_name_that_cannot_be_is_told_before_the_zip_is_sent(form: Page, tmp_path: Path) -> None:
    sent = sent_by(form)
    (tmp_path / "my pets.zip").write_bytes(pets())
    name_of(form).fill("my pets")
    form.get_by_label("class folders").set_input_files(tmp_path / "my pets.zip")
    form.get_by_role("button", name="Import").click()
    expect(form.locator("#problem-name")).to_contain_text("cannot be the name of a data set")
    expect(name_of(form)).to_be_focused()
    expect(name_of(form)).to_have_attribute("aria-invalid", "true")
    assert "POST" not in sent
    assert Axe().run(form, options=OPTIONS).response["violations"] == []
    name_of(form).fill("pets")
    name_of(form).press("Tab")
    expect(form.locator("#problem-name")).to_be_empty()
    form.evaluate("""() => {  // both clicks come before the answer to the check
        const ask = window.fetch;
        window.checks = [];
        window.fetch = (address) => new Promise((done) => window.checks.push(() => done(ask(address))));
    }""")
    form.get_by_role("button", name="Import").dblclick()
    form.wait_for_function("() => window.checks.length")
    assert form.evaluate("() => { window.checks.forEach((go) => go()); return window.checks.length; }") == 1
    form.wait_for_url("**/d/pets")
    assert sent.count("POST") == 1  # the zip is sent once


def test_a_file_that_cannot_be_read_is_told_at_its_field_and_a_good_one_proposes_the_name(
    form: Page, tmp_path: Path
) -> None:
    sent = sent_by(form)
    (tmp_path / "photos.rar").write_bytes(b"Rar!\x1a\x07\x00" + bytes(100))
    (tmp_path / "Meine Fotos (2).zip").write_bytes(pets(first=40))
    form.get_by_label("class folders").set_input_files(tmp_path / "photos.rar")
    expect(form.locator("#problem-file")).to_contain_text("photos.rar is an archive of the kind")
    form.get_by_role("button", name="Import").click()
    expect(form.get_by_label("class folders")).to_be_focused()
    assert "POST" not in sent
    name_of(form).fill("")
    form.get_by_label("class folders").set_input_files(tmp_path / "Meine Fotos (2).zip")
    expect(form.locator("#problem-file")).to_be_empty()
    expect(name_of(form)).to_have_value("Meine-Fotos-2")


def test_the_upload_shows_its_progress_and_a_cancel_leaves_the_form_as_it_was(
    form: Page, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "slow.zip", "w") as archive:
        archive.writestr("cat/noise.png", os.urandom(4_000_000))
    form.get_by_label("class folders").set_input_files(tmp_path / "slow.zip")
    expect(name_of(form)).to_have_value("slow")
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 200_000}
    form.context.new_cdp_session(form).send("Network.emulateNetworkConditions", slow)
    form.get_by_role("button", name="Import").click()
    expect(form.locator("[data-said]")).to_contain_text(
        re.compile("[0-9] MB of 4 MB sent, about [0-9]+ s left")
    )
    assert 0 < float(form.get_by_label("Upload").get_attribute("value") or 0) < 1
    form.get_by_role("button", name="Cancel").click()
    expect(form.get_by_role("button", name="Cancel")).to_be_hidden()
    expect(name_of(form)).to_have_value("slow")
    expect(form.get_by_role("button", name="Import")).to_be_enabled()
    assert form.evaluate("() => document.querySelector('[name=file]').files[0].name") == "slow.zip"


def test_what_the_server_refuses_after_the_upload_stands_at_its_field_and_is_not_sent_again(
    form: Page, tmp_path: Path
) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("readme.txt", "no images")
    (tmp_path / "texts.zip").write_bytes(packed.getvalue())
    form.get_by_label("class folders").set_input_files(tmp_path / "texts.zip")
    expect(name_of(form)).to_have_value("texts")
    form.get_by_role("button", name="Import").click()
    expect(form.locator("#problem-file")).not_to_be_empty()
    expect(form.get_by_text("texts.zip is not imported: choose another zip")).to_be_visible()
    expect(name_of(form)).to_have_value("texts")
    assert form.url.endswith("/datasets/new")


def test_a_zip_that_is_dropped_on_the_home_page_opens_the_form_with_it(form: Page, server: Server) -> None:
    form.goto(server.url)
    form.evaluate(DROP, [["owls.zip", list(pets(first=120))]])
    expect(form.get_by_role("heading", name="Import images")).to_be_visible()
    expect(name_of(form)).to_have_value("owls")
    form.get_by_role("button", name="Import").click()
    form.wait_for_url("**/d/owls")


def test_a_folder_is_packed_in_the_browser_and_read_as_a_zip_of_it(form: Page, tmp_path: Path) -> None:
    folder = tmp_path / "Tiere"
    for place, name in enumerate(CLASSES):
        for i in range(3):
            path = folder / name / f"Bär {i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(photo((200 + i, 60 * place, 9)))
    with form.expect_file_chooser() as chooser:
        form.get_by_role("button", name="Choose a folder").click()
    chooser.value.set_files(folder)
    expect(form.get_by_text("Tiere: 9 files")).to_be_visible()
    expect(name_of(form)).to_have_value("Tiere")
    form.get_by_role("button", name="Import").click()
    form.wait_for_url("**/d/Tiere")
    expect(form.get_by_role("heading", name="3 classes: cat, dog, owl")).to_be_visible()
    expect(form.locator(".examples img")).to_have_count(9)


def test_without_javascript_a_name_that_cannot_be_is_not_sent_so_the_file_stays_chosen(
    browser: Browser, server: Server, eve: str, tmp_path: Path
) -> None:
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies([{"name": SESSION_COOKIE, "value": eve, "url": server.url}])
    page = context.new_page()
    page.goto(f"{server.url}/datasets/new")
    (tmp_path / "plain.zip").write_bytes(pets(first=160))
    expect(page.get_by_role("button", name="Choose a folder")).to_be_hidden()
    name_of(page).fill("not a name")
    page.get_by_label("class folders").set_input_files(tmp_path / "plain.zip")
    page.get_by_role("button", name="Import").click()
    expect(page.locator("input:invalid")).to_have_attribute("name", "name")
    expect(name_of(page)).to_have_value("not a name")
    assert page.get_by_label("class folders").input_value().endswith("plain.zip")
    name_of(page).fill("a-name.of_mine")
    expect(page.locator("input:invalid")).to_have_count(0)
    context.close()
