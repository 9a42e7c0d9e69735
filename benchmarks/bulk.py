"""One verdict for thousands of samples, and its undo, as somebody at the grid waits for them.

    .venv/bin/python benchmarks/bulk.py [--samples 30500] [--rounds 5]

`toploss serve` on SQLite (synchronous FULL) and headless Chromium. A class of a data set in six classes is
shown, all that match are marked and relabelled by one click, then taken back by one click. A time is from the
click to the grid that follows it, in the page. The samples have no image files: the thumbnails' requests
fail, which no figure waits for.
"""

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path

from decide import make_review
from playwright.sync_api import Page, sync_playwright
from sqlalchemy import func, select

from app.db.engine import Database
from app.review.models import SampleReview
from app.web.deps import SESSION_COOKIE
from tests.servers import start_server

WAIT = """selector => new Promise(done => {
    const started = performance.now();
    document.addEventListener("htmx:afterSettle", () => done(performance.now() - started), {once: true});
    document.querySelector(selector).click();
})"""


def seconds(page: Page, selector: str) -> float:
    """From a click to the grid that follows it."""
    return float(page.evaluate(WAIT, selector)) / 1000


def main() -> None:
    """Print how long doing and undoing took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=int, default=30_500)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        data_dir = Path(folder)
        [cookie] = make_review(data_dir, options.samples, 1)
        database = Database(f"sqlite:///{data_dir / 'toploss.db'}")
        with start_server(data_dir) as server:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
            context = browser.new_context()
            context.add_cookies([{"name": SESSION_COOKIE, "value": cookie, "url": server.url}])
            page = context.new_page()
            page.goto(f"{server.url}/d/faces/images?given=happy", wait_until="domcontentloaded")
            done, undone = [], []
            for _ in range(options.rounds):
                page.check("#everything")
                done.append(seconds(page, "#marks button[value='relabel:angry']"))
                with database.read() as session:
                    changed = session.scalar(select(func.count()).select_from(SampleReview))
                undone.append(seconds(page, "[data-undo]"))
                with database.read() as session:
                    assert session.scalar(select(func.count()).select_from(SampleReview)) == 0
            browser.close()
        database.close()
    print(f"{changed:,} samples relabelled: median {statistics.median(done):.2f} s, most {max(done):.2f} s")
    print(f"and undone: median {statistics.median(undone):.2f} s, most {max(undone):.2f} s")


if __name__ == "__main__":
    main()
