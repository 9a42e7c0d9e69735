"""The form of an import in a real Chromium: a name is checked before the zip is sent."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from app.web.deps import SESSION_COOKIE
from tests.browser.conftest import add_person, cookie_of
from tests.browser.test_accessibility import OPTIONS
from tests.servers import Server
from tests.web.pages.datasets.test_new_dataset import pets


@pytest.fixture
def form(browser: Browser, server: Server) -> Iterator[Page]:
    """The form of an import as eve, an admin, sees it."""
    add_person(server, "eve", role="admin")
    context = browser.new_context(viewport={"width": 390, "height": 800})
    context.add_cookies([{"name": SESSION_COOKIE, "value": cookie_of(server, "eve"), "url": server.url}])
    page = context.new_page()
    page.goto(f"{server.url}/datasets/new")
    yield page
    context.close()


def test_a_name_that_cannot_be_is_told_before_the_zip_is_sent(form: Page, tmp_path: Path) -> None:
    sent: list[str] = []
    form.on("request", lambda request: sent.append(request.method))
    (tmp_path / "my pets.zip").write_bytes(pets())
    form.get_by_label("Name letters").fill("my pets")
    form.get_by_label("class folders").set_input_files(tmp_path / "my pets.zip")
    form.get_by_role("button", name="Import").click()
    expect(form.locator("#problem-name")).to_contain_text("cannot be the name of a data set")
    expect(form.get_by_label("Name letters")).to_be_focused()
    expect(form.get_by_label("Name letters")).to_have_attribute("aria-invalid", "true")
    assert "POST" not in sent
    assert Axe().run(form, options=OPTIONS).response["violations"] == []
    form.get_by_label("Name letters").fill("pets")
    form.evaluate("""() => {  // both clicks come before the answer to the check
        const ask = window.fetch;
        window.checks = [];
        window.fetch = (address) => new Promise((done) => window.checks.push(() => done(ask(address))));
    }""")
    form.get_by_role("button", name="Import").dblclick()
    assert form.evaluate("() => { window.checks.forEach((go) => go()); return window.checks.length; }") == 1
    form.wait_for_url("**/d/pets")
    assert sent.count("POST") == 1  # the zip is sent once
