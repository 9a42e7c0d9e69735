"""The second half of the loop where no script runs: undo, retrain, did it help, export."""

import re

from playwright.sync_api import Browser, expect

from app.db.engine import Database
from app.web.deps import SESSION_COOKIE
from tests.browser.conftest import add_person, cookie_of
from tests.factories import Made, make_run
from tests.servers import Server


def test_without_javascript_an_admin_corrects_undoes_retrains_compares_and_exports(
    browser: Browser, server: Server, live: tuple[Database, Made]
) -> None:
    database, made = live
    home = f"{server.url}/d/{made.name}"
    make_run(database, made.dataset_id, made.version_id, parent_id=made.run_id, wrong=4)
    add_person(server, "plain", role="admin", knows_the_deck=True)
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies([{"name": SESSION_COOKIE, "value": cookie_of(server, "plain"), "url": server.url}])
    page = context.new_page()

    page.goto(f"{home}/results")
    expect(page.locator(".answer")).to_contain_text(re.compile("change|errors", re.IGNORECASE))

    page.goto(f"{home}/review")
    page.get_by_role("button", name="Start").click()
    for answer in ("Delete", "Delete"):
        page.get_by_role("button", name=answer).click()
    page.get_by_role("button", name="Undo").first.click()
    expect(page.get_by_text("is undone")).to_be_visible()

    page.goto(f"{home}/models/retrain")
    expect(page.get_by_text("1 label changed since")).to_be_visible()
    page.get_by_role("button", name="Retrain").click()
    expect(page.get_by_text("Training of Model 3 requested")).to_be_visible()

    page.goto(f"{home}/export")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename.endswith(".parquet")
    context.close()
