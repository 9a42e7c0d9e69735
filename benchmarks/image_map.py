"""How long the map of 35,000 images takes: to draw in the worker, to send, and to move in a browser.

.venv/bin/python benchmarks/image_map.py [EMBEDDING.npy]

Without an embedding of a run 35,000 vectors of seven overlapping groups are drawn. The browser is Chromium
without a graphics card; its frames are those that a person waits for while zooming and panning.
"""

import json
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, Route, sync_playwright

from app.ml.projection import lay_out
from app.ranking.maps import store_map
from tests.browser.conftest import add_person, cookie_of
from tests.factories import make_dataset
from tests.servers import start_server

IMAGES, GROUPS, DIMENSIONS = 35_000, 7, 64
MOVES = """async () => {
  const canvas = document.getElementById("picture"), map = document.getElementById("map");
  const edge = canvas.getBoundingClientRect(), frames = [], drawn = [];
  const next = () => new Promise(requestAnimationFrame);
  let before = await next();
  for (let i = 0; i < 120; i += 1) {
    const at = { clientX: edge.x + 400 + i, clientY: edge.y + 300 };
    canvas.dispatchEvent(new WheelEvent("wheel", { deltaY: i < 60 ? -40 : 40, ...at }));
    const now = await next();
    frames.push(now - before);
    drawn.push(Number(map.dataset.frame));
    before = now;
  }
  return { frames, drawn };
}"""


def vectors(path: str | None) -> np.ndarray:
    """The vectors of an embedding, or some that are drawn (n, 64)."""
    if path:
        return np.array(np.load(path)["vector"], np.float32)
    random = np.random.default_rng(0)
    centres = random.normal(size=(GROUPS, DIMENSIONS))
    spread = random.normal(size=(IMAGES, DIMENSIONS)) * 1.5
    return (centres[np.arange(IMAGES) % GROUPS] + spread).astype(np.float32)


def points_of(places: np.ndarray, map_id: int) -> str:
    """What the REST API would answer."""
    n = len(places)
    return json.dumps(
        {
            "map": map_id,
            "run": 1,
            "classes": [f"class {i}" for i in range(GROUPS)],
            "standings": ["agrees", "suspicious", "reviewed", "not ranked"],
            "samples": list(range(1, n + 1)),
            "x": places[:, 0].tolist(),
            "y": places[:, 1].tolist(),
            "label": [i % GROUPS for i in range(n)],
            "standing": [int(i % 9 == 0) for i in range(n)],
        }
    )


def moved(page: Page) -> dict[str, list[float]]:
    """Zoom in and out, a step per frame; milliseconds of each."""
    found: dict[str, list[float]] = page.evaluate(MOVES)
    return found


def in_browser(places: np.ndarray) -> None:
    """Open the page of a small data set, and give it these points."""
    from app.db.engine import Database

    with tempfile.TemporaryDirectory() as folder, start_server(Path(folder)) as server:
        add_person(server, "ann")
        database = Database(f"sqlite:///{server.data_dir / 'toploss.db'}")
        made = make_dataset(database, Path(folder) / "images")
        few = np.array(made.sample_ids)
        where = {"dataset_id": made.dataset_id, "run_id": made.run_id}
        map_id = store_map(database, sample_ids=few, places=places[: len(few)], **where)
        database.close()
        body = points_of(places, map_id)
        print(f"points: {len(body) / 1e3:.0f} kB of JSON before compression")

        def answer(route: Route) -> None:
            route.fulfill(body=body, content_type="application/json")

        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
            )
            for width, ratio in ((1280, 1), (1280, 2), (390, 2)):
                context = browser.new_context(
                    viewport={"width": width, "height": 900}, device_scale_factor=ratio
                )
                context.add_cookies(
                    [{"name": "toploss_session", "value": cookie_of(server, "ann"), "url": server.url}]
                )
                page = context.new_page()
                page.route("**/api/v1/datasets/*/map", answer)
                started = time.perf_counter()
                page.goto(f"{server.url}/d/{made.name}/images/map")
                page.locator("#map[data-ready]").wait_for(state="attached")
                seconds = time.perf_counter() - started
                found = moved(page)
                frames, drawn = found["frames"], found["drawn"]
                print(
                    f"{width} px, {ratio} pixels per point: shown after {seconds:.1f} s; "
                    f"drawing median {statistics.median(drawn):.1f} ms, worst {max(drawn):.1f} ms; "
                    f"frames median {statistics.median(frames):.1f} ms, "
                    f"95 % below {np.percentile(frames, 95):.1f} ms"
                )
                context.close()
            browser.close()


def main() -> None:
    """Print all of it."""
    known = vectors(sys.argv[1] if len(sys.argv) > 1 else None)
    started, cpu = time.perf_counter(), time.process_time()
    places = lay_out(known, threads=2)
    seconds, spent = time.perf_counter() - started, time.process_time() - cpu
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"{len(known):,} images laid out in {seconds:.0f} s ({spent:.0f} CPU s), at most {memory:.0f} MB")
    in_browser(places)


if __name__ == "__main__":
    main()
