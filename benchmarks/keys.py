"""From a key press to the next image on the screen, in a real browser.

    .venv/bin/python benchmarks/keys.py [--decisions 200] [--photos 50] [--pause 0.25] [--latency 0 150]

`toploss serve` on SQLite and headless Chromium. Images of 48 x 48 pixels, then photographs of 12 megapixels.
A key is pressed every `--pause` seconds; a time ends with the second animation frame after the next card's
image is there, by when the first has been painted. Latency is added to every response by the browser itself
(its developer tools' network conditions), so that the answer and the prefetched images wait for it alike.
Afterwards every decision must be in the database. The first card is timed from the start of the navigation,
in a browser context without any cache; weights are those of scripts and styles, unpacked.
"""

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import httpx
import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy import func, select

from app.datasets.versions import latest_version
from app.db.engine import Database
from app.review.models import Decision
from app.web.deps import SESSION_COOKIE
from tests.factories import import_folder, make_run, write_images
from tests.servers import Server, start_server

PASSWORD = "of this benchmark alone"  # noqa: S105
MEASURE = """
window.times = []; window.first = null;
const shown = () => document.querySelector(".card:not([hidden])");
const isThere = (card) => {
  const image = card?.querySelector("img");
  return image?.complete && image.naturalWidth > 0;
};
const painted = (ready, done) => requestAnimationFrame(function look() {
  if (ready()) requestAnimationFrame(() => done(performance.now())); else requestAnimationFrame(look);
});
painted(() => isThere(shown()), (at) => { window.first = at; });
document.addEventListener("keydown", (event) => {
  const before = shown();
  painted(() => shown() !== before && isThere(shown()), (at) => window.times.push(at - event.timeStamp));
}, { capture: true });
"""
WEIGHT = """() => performance.getEntriesByType("resource")
    .filter((each) => /\\.(js|css)(\\?|$)/.test(each.name))
    .reduce((sum, each) => sum + each.decodedBodySize, 0)"""


def write_photos(folder: Path, count: int) -> Path:
    """Photographs of 12 megapixels, as JPEG, in three classes."""
    random = np.random.default_rng(0)
    for i in range(count):
        coarse = random.integers(0, 255, (30, 40, 3), dtype=np.uint8)
        path = folder / "train" / ("cat", "dog", "owl")[i % 3] / f"{i:03}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(coarse).resize((4000, 3000), Image.Resampling.BICUBIC).save(path, quality=90)
    return folder


def open_review(browser: Browser, server: Server, cookie: str, name: str, latency: int) -> Page:
    """The review of a data set in a context of its own, its first card shown."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.add_cookies([{"name": SESSION_COOKIE, "value": cookie, "url": server.url}])
    page = context.new_page()
    page.add_init_script(MEASURE)
    conditions = {"offline": False, "latency": latency, "downloadThroughput": -1, "uploadThroughput": -1}
    context.new_cdp_session(page).send("Network.emulateNetworkConditions", conditions)
    page.goto(f"{server.url}/d/{name}/review")
    while page.evaluate("() => window.first") is None:
        time.sleep(0.05)
    return page


def press(page: Page, decisions: int, pause: float) -> list[float]:
    """Milliseconds of each key press, keep and delete by turns."""
    for i in range(decisions):
        page.keyboard.press("qe"[i % 2])
        time.sleep(pause)
    while page.evaluate("() => Number(document.body.dataset.unsaved)"):
        time.sleep(0.1)
    return sorted(page.evaluate("() => window.times"))


def main() -> None:
    """Print a line for each kind of image and latency."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--decisions", type=int, default=200)
    parser.add_argument("--photos", type=int, default=50)
    parser.add_argument("--pause", type=float, default=0.25)
    parser.add_argument("--latency", type=int, nargs="+", default=[0, 150])
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        sync_playwright() as playwright,
        start_server(Path(folder) / "data") as server,
    ):
        server.command("user", "add", "ann", "--password-stdin", stdin=f"{PASSWORD}\n")
        cookie = str(
            httpx.post(f"{server.url}/login", data={"name": "ann", "password": PASSWORD}).cookies[
                SESSION_COOKIE
            ]
        )
        database = Database(f"sqlite:///{server.data_dir / 'toploss.db'}")
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for latency in options.latency:
            for kind, wanted in (("faces", options.decisions), ("photos", options.photos)):
                name, images = f"{kind}-{latency}", Path(folder) / f"{kind}-{latency}"
                per_class = -(-(wanted + 10) // 3)
                write_images(images, per_class=per_class, size=48) if kind == "faces" else write_photos(
                    images, wanted + 10
                )
                dataset_id = import_folder(database, images, name=name)
                with database.read() as session:
                    version_id = latest_version(session, dataset_id=dataset_id).id
                make_run(database, dataset_id, version_id, wrong=10**6)
                page = open_review(browser, server, cookie, name, latency)
                first, weight = page.evaluate("() => window.first"), page.evaluate(WEIGHT)
                times = press(page, wanted, options.pause)
                page.context.close()
                with database.read() as session:
                    saved = session.scalar(
                        select(func.count()).select_from(Decision).where(Decision.dataset_id == dataset_id)
                    )
                p50, p95 = times[len(times) // 2], times[int(0.95 * len(times))]
                print(
                    f"{kind}, {latency} ms: key to image p50 {p50:.0f} ms, p95 {p95:.0f} ms, most "
                    f"{times[-1]:.0f} ms; {len(times)} shown, {saved} of {wanted} saved; first card "
                    f"{first:.0f} ms; scripts and styles {weight:,} bytes",
                    flush=True,
                )
        browser.close()
        database.close()


if __name__ == "__main__":
    main()
