"""The first admin of an installation, created in a real Chromium."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tests.conftest import PASSWORD
from tests.servers import start_server


@pytest.mark.parametrize(("width", "scheme", "scripts"), [(1280, "light", True), (390, "dark", False)])
def test_the_first_visitor_becomes_the_admin_with_and_without_scripts(
    browser: Browser, tmp_path: Path, width: int, scheme: str, scripts: bool
) -> None:
    with start_server(tmp_path / "data") as server:
        context = browser.new_context(
            viewport={"width": width, "height": 844},
            color_scheme="dark" if scheme == "dark" else "light",
            java_script_enabled=scripts,
            bypass_csp=True,
        )
        page = context.new_page()
        page.goto(server.url)
        expect(page.get_by_role("heading", name="Create the first admin")).to_be_visible()
        box = page.locator("main form").bounding_box()
        assert box
        assert 0 <= box["x"] <= box["x"] + box["width"] <= width
        if scripts:
            assert Axe().run(page).response["violations"] == []
        page.get_by_label("Name").fill("ada")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_label("Password").press("Enter")
        expect(page).to_have_url(f"{server.url}/")
        expect(page.locator("header")).to_contain_text("ada")
        context.close()
