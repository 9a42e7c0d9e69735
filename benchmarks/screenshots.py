"""The pictures of the documentation: `make screenshots` draws them all anew.

    .venv/bin/python benchmarks/screenshots.py [--output docs/pictures] [--images 1500]

In a folder of its own it draws the demo, has it trained, reviews with the truth that the demo knows,
retrains, looks at random images, and takes a picture of each page in Chromium. Nothing but drawn faces is
shown, and nothing is left behind but the pictures. The times that pages show are those of this script, not of
a person.
"""

import argparse
import io
import shutil
import zipfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from benchmarks.demo import AT, ROOT, Demo, review, serve_demo, wait_for_jobs, wait_for_training

WIDTH, HEIGHT = 1280, 800
SHARPNESS = 1.5  # pixels of the picture per pixel of the page
QUALITY = 80  # of WebP
FIRST, SECOND = 60, 90  # cards before and after the picture of the deck
BY_KEY = 6  # cards of the picture's last decisions
A_CARD = 2_000  # milliseconds, so that the picture shows the pace of a person
LOOKS = 100  # at random images
SEEN = """() => [...document.images].every(
    (each) => each.complete || each.getBoundingClientRect().top > innerHeight || !each.checkVisibility()
)"""
PATIENCE = 120_000  # milliseconds, for what the server does


class Camera:
    """Takes pictures of pages and keeps them small."""

    def __init__(self, browser: Browser, demo: Demo, output: Path) -> None:
        self.browser, self.demo, self.output = browser, demo, output
        self.sizes: dict[str, int] = {}
        self.signed_in: dict[str, Page] = {}

    def page(self, address: str, *, theme: str = "light") -> Page:
        """A page of the admin, drawn to its end, when no job runs that its header would show."""
        if theme not in self.signed_in:
            viewport = {"width": WIDTH, "height": HEIGHT}
            context = self.browser.new_context(
                viewport=viewport, device_scale_factor=SHARPNESS, color_scheme=theme, reduced_motion="reduce"
            )
            context.set_default_timeout(PATIENCE)
            page = context.new_page()
            page.goto(f"{self.demo.url}/login")
            page.fill("[name=name]", "admin")
            page.fill("[name=password]", self.demo.password)
            page.press("[name=password]", "Enter")
            page.wait_for_url(f"{self.demo.url}/")
            self.signed_in[theme] = page
        page = self.signed_in[theme]
        while True:
            wait_for_jobs(self.demo.client("admin"))
            page.goto(f"{self.demo.url}{address}")
            if not page.locator("#jobs-now .jobs").count():  # a job that ends may request the next one
                return page

    def take(self, name: str, page: Page, *, height: int = HEIGHT, part: str = "") -> None:
        """Save what is seen of a page: all of it to this height at most, or one part of it."""
        page.mouse.move(0, 0)
        page.wait_for_function(SEEN)
        if part:
            shot = page.locator(part).first.screenshot()
        else:
            whole = page.evaluate("document.querySelector('main').getBoundingClientRect().bottom")
            page.set_viewport_size({"width": WIDTH, "height": height})
            shot = page.screenshot(
                full_page=True, clip={"x": 0, "y": 0, "width": WIDTH, "height": min(height, whole + 16)}
            )
            page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
        self.save(name, shot)

    def save(self, name: str, content: bytes) -> None:
        """Write a picture as WebP."""
        path = self.output / f"{name}.webp"
        Image.open(io.BytesIO(content)).convert("RGB").save(path, quality=QUALITY, method=6)
        self.sizes[path.name] = path.stat().st_size
        print(f"{path.name:24} {path.stat().st_size / 1000:6.0f} kB")


def take_import(camera: Camera, folder: Path) -> None:
    """The page that shows how the folders of a zip are read, before anything is imported."""
    packed = folder / "faces.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for number, path in enumerate(sorted((folder / "demo" / "images").rglob("*.png"))):
            part = ("train", "train", "train", "dev", "unsorted")[number % 5]
            archive.write(path, f"{part}/{path.parent.name}/{path.name}")
    page = camera.page("/datasets/new")
    page.get_by_label("class folders").set_input_files(packed)
    page.get_by_role("button", name="Import").click()
    page.wait_for_url("**/d/faces**")
    page.wait_for_load_state()
    camera.take("import", page)


def answer_by_key(page: Page, truth: dict[str, str]) -> None:
    """Answer the card that is shown as the truth says, and wait for the next."""
    card = page.locator(".card:not([hidden])")
    image = card.get_attribute("data-sample") or ""
    true = truth[card.locator(".path").first.inner_text()]
    page.wait_for_timeout(A_CARD)
    page.keyboard.press(str(1 + sorted(set(truth.values()) - {""}).index(true)) if true else "e")
    expect(card).not_to_have_attribute("data-sample", image)


def take_all(camera: Camera, demo: Demo) -> None:
    """One session with the demo, from the first look to the export."""
    truth, admin, annotator = demo.truth(), demo.client("admin"), demo.client("annotator")
    wait_for_training(admin)
    wait_for_jobs(admin)
    camera.take("suspicious", camera.page("/d/demo"), part="section:has(.strip)")
    review(annotator, truth, cards=FIRST)
    for theme in ("light", "dark"):
        page = camera.page("/d/demo/review", theme=theme)
        expect(page.locator("html.scripting")).to_have_count(1)
        hints = page.get_by_role("button", name="Got it")
        if theme == "light":  # of this person's first visit
            hints.click()
        expect(hints).to_be_hidden()
        for _ in range(BY_KEY):
            answer_by_key(page, truth)
        camera.take("deck" if theme == "light" else "deck-dark", page)
    camera.page("/")  # the cards of the review are released
    camera.page("/", theme="dark")
    review(annotator, truth, cards=SECOND)
    camera.take("overview", camera.page("/d/demo"))
    camera.take("home", camera.page("/"))
    camera.take("retrain", camera.page("/d/demo/models/retrain"), height=1000)
    demo.toploss("retrain", "demo", "--wait")
    wait_for_jobs(admin)
    camera.take("did-it-help", camera.page("/d/demo/results"), height=1000)
    admin.post(f"{AT}/audits", json={"size": LOOKS}).raise_for_status()
    review(annotator, truth, cards=LOOKS, order="random")
    review(admin, truth, cards=LOOKS, order="random")  # those that the browser held
    camera.take("errors-left", camera.page("/d/demo/results/errors-left"), height=1000)
    page = camera.page("/d/demo/images/map")
    expect(page.locator("canvas").first).to_be_visible()
    camera.take("map", page)
    camera.take("export", camera.page("/d/demo/export"), height=1000)
    camera.save("round", camera.signed_in["light"].request.get(f"{demo.url}/d/demo/results/card.png").body())
    take_import(camera, demo.folder)


def main() -> None:
    """Take all pictures, and print how large they are."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "pictures")
    parser.add_argument("--images", type=int, default=1500)
    parser.add_argument("--chromium", default=shutil.which("chromium") or shutil.which("google-chrome"))
    asked = parser.parse_args()
    asked.output.mkdir(parents=True, exist_ok=True)
    with serve_demo(asked.images) as running, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=asked.chromium, args=["--no-sandbox"])
        camera = Camera(browser, running, asked.output)
        take_all(camera, running)
        browser.close()
    print(f"{len(camera.sizes)} pictures, {sum(camera.sizes.values()) / 1000:,.0f} kB")


if __name__ == "__main__":
    main()
