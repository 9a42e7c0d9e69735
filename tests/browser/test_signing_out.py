"""What a browser keeps of the images, during a log-in and after it."""

from playwright.sync_api import Browser

from app.db.engine import Database
from tests.browser.conftest import PASSWORD
from tests.factories import Made
from tests.servers import Server

FROM_THE_NETWORK = """async address => {
    performance.clearResourceTimings();
    const told = new Promise((done) => {  // it may come after the answer
        const observer = new PerformanceObserver((seen) => {
            const [entry] = seen.getEntriesByName(new URL(address, location).href);
            if (entry) { observer.disconnect(); done(entry.transferSize); }
        });
        observer.observe({ type: "resource" });
    });
    await (await fetch(address)).blob();
    return told;
}"""


def test_images_are_kept_for_the_log_in_and_shown_to_nobody_after_it(
    browser: Browser, server: Server, live: tuple[Database, Made]
) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{server.url}/login")
    page.get_by_label("Name").fill("ann")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{server.url}/")
    image = f"{server.url}/api/v1/samples/{live[1].ranked[0]}/image?size=thumbnail"
    assert page.evaluate(FROM_THE_NETWORK, image) > 0
    assert page.evaluate(FROM_THE_NETWORK, image) == 0  # the deck shows what was loaded ahead without asking
    page.locator(".account > summary").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{server.url}/login")
    answer = page.goto(image)
    assert answer is not None
    assert answer.status == 401
    context.close()
