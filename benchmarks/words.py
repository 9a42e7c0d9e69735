"""The words of every page beside its budget, the weight of the review, and how pages load.

    .venv/bin/python benchmarks/words.py URL USER PASSWORD [DATASET]

Against a running server with a trained data set (`make demo`), signed in as an admin. Counted are the words
that are visible in the content of a page of 1,280 pixels as it opens: no header, nothing that is folded. The
sentence that is a page's answer may stand above its figures. The words of a list are its data: `words` is
without the bodies of tables and lists of images, `all` with them. The exit code is 1 when a budget is
exceeded.
"""

import argparse
import re
import sys
from dataclasses import dataclass

from playwright.sync_api import Page, sync_playwright

SUBTITLE = 8  # words of the line beside a title
DECK = 80_000  # bytes of its scripts and styles, unpacked
BUDGETS = {"Did it help?": 250, "Errors left": 120, "Run": 300}
VITALS = ("Home", "Overview", "Images")
WATCH = """
window.largest = 0; window.shifted = 0;
new PerformanceObserver((list) => { for (const each of list.getEntries()) window.largest = each.startTime; })
  .observe({ type: "largest-contentful-paint", buffered: true });
new PerformanceObserver((list) => {
  for (const each of list.getEntries()) if (!each.hadRecentInput) window.shifted += each.value;
}).observe({ type: "layout-shift", buffered: true });
"""
COUNT = r"""() => {
  const main = document.querySelector("main");
  const words = (text) => (text.match(/[\p{L}\p{N}][\p{L}\p{N}’'.,%-]*/gu) ?? [])
    .filter((word) => /\p{L}/u.test(word)).length;
  const seen = (element) => element.checkVisibility({ visibilityProperty: true });
  const all = words(main.innerText);
  const lists = "tbody, .tiles";
  const data = [...main.querySelectorAll(lists)].filter((each) => !each.parentElement.closest(lists));
  const inData = data.reduce((sum, each) => sum + (seen(each) ? words(each.innerText) : 0), 0);
  const subtitles = [...main.querySelectorAll(".head > p")].filter(seen).map((each) => words(each.innerText));
  const above = [...main.querySelectorAll("table")].filter(seen).map((table) => {
    const box = table.closest(".scroll") ?? table;
    return box.previousElementSibling;
  }).filter((each) => each?.matches("p:not(.actions, .eyebrow, .answer)") && seen(each))
    .filter((each) => words(each.innerText) > 8);
  return { all, words: all - inData, subtitle: Math.max(0, ...subtitles), paragraphs: above.length };
}"""
WEIGHT = """() => performance.getEntriesByType("resource")
  .filter((each) => /\\.(js|css)(\\?|$)/.test(each.name))
  .map((each) => [each.name.replace(/.*\\/static\\/[^/]*\\//, ""), each.decodedBodySize])"""


@dataclass(frozen=True)
class Counted:
    """A page with its words."""

    name: str
    address: str
    all: int
    words: int
    subtitle: int
    paragraphs: int  # above a table

    @property
    def budget(self) -> int | None:
        """The most words that it may have."""
        return BUDGETS.get(self.name)

    @property
    def problems(self) -> list[str]:
        """What exceeds a budget."""
        found = [f"{self.words} words of {self.budget}"] if self.budget and self.words > self.budget else []
        found += [f"subtitle of {self.subtitle} words"] if self.subtitle > SUBTITLE else []
        return found + (["a paragraph above a table"] if self.paragraphs else [])


def pages_of(page: Page, url: str, dataset: str | None) -> dict[str, str]:
    """The pages of a data set and the pages beside it, by their names."""
    datasets = page.request.get(f"{url}/api/v1/datasets").json()["items"]
    name = dataset or datasets[0]["name"]
    runs = page.request.get(f"{url}/api/v1/datasets/{name}/runs?limit=1000").json()["items"]
    samples = page.request.get(f"{url}/api/v1/datasets/{name}/samples?limit=1&order=rank").json()["items"]
    trained = [run["id"] for run in runs if run["state"] == "finished" and run["kind"] == "training"]
    at = f"/d/{name}"
    found = {
        "Home": "/",
        "Import": "/datasets/new",
        "Overview": at,
        "Review": f"{at}/review",
        "Images": f"{at}/images",
        "Duplicates": f"{at}/images/duplicates",
        "Disputed": f"{at}/images/disputed",
        "Image problems": f"{at}/images/problems",
        "Map": f"{at}/images/map",
        "Labels from a file": f"{at}/images/labels",
        "Models": f"{at}/models",
        "Train": f"{at}/models/train",
        "Retrain": f"{at}/models/retrain",
        "Own model": f"{at}/models/import",
        "Did it help?": f"{at}/results",
        "Errors left": f"{at}/results/errors-left",
        "History": f"{at}/results/history",
        "Checked test set": f"{at}/results/test-set",
        "Team": f"{at}/results/team",
        "Export": f"{at}/export",
        "Versions": f"{at}/export/versions",
        "Classes": f"{at}/classes",
        "Settings": f"{at}/settings",
        "Manage": f"{at}/manage",
        "Jobs": "/jobs",
        "People": "/people",
        "Account": "/account",
        "Help": "/help",
    }
    if samples:
        found["An image"] = f"{at}/images/{samples[0]['sample']}"
    if trained:
        found |= {"Run": f"{at}/models/{trained[-1]}", "Photos": f"{at}/models/{trained[-1]}/photos"}
    return found


def counted(page: Page, url: str, name: str, address: str) -> Counted | None:
    """The words of a page; None where there is no page."""
    answer = page.goto(url + address)
    if answer is None or answer.status != 200:  # noqa: PLR2004
        print(f"{name:20} {address}: answered {answer.status if answer else 'nothing'}")
        return None
    page.wait_for_timeout(400)
    found = page.evaluate(COUNT)
    return Counted(name, address, found["all"], found["words"], found["subtitle"], found["paragraphs"])


def print_words(page: Page, url: str, pages: dict[str, str]) -> int:
    """A line for every page; the number of those that exceed a budget."""
    print(f"{'page':20} {'words':>6} {'budget':>6} {'all':>6} {'subtitle':>8}")
    over = 0
    for name, address in pages.items():
        if each := counted(page, url, name, address):
            line = f"{name:20} {each.words:6} {each.budget or '':>6} {each.all:6} {each.subtitle:8}"
            print(f"{line}  {'; '.join(each.problems)}".rstrip())
            over += bool(each.problems)
    return over


def print_weight(page: Page, address: str) -> int:
    """The scripts and styles of the review; 1 when they exceed the budget."""
    page.goto(address)
    page.wait_for_timeout(1500)
    files: list[tuple[str, int]] = [(name, size) for name, size in page.evaluate(WEIGHT)]
    total = sum(size for _, size in files)
    print(f"\nreview: {total:,} bytes of scripts and styles, budget {DECK:,}")
    for name, size in sorted(files, key=lambda each: -each[1]):
        print(f"  {size:7,} {name}")
    return int(total > DECK)


def print_vitals(page: Page, url: str, pages: dict[str, str]) -> None:
    """The largest paint and the layout shift of some pages, with nothing in the cache."""
    print("\nlargest paint and layout shift")
    for name in VITALS:
        page.goto(url + pages[name])
        page.wait_for_timeout(2500)
        largest, shifted = page.evaluate("[window.largest, window.shifted]")
        print(f"  {name:10} {largest:6.0f} ms   {shifted:.3f}")


def main() -> None:
    """Print all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("url", "user", "password"):
        parser.add_argument(name)
    parser.add_argument("dataset", nargs="?")
    given = parser.parse_args()
    url = re.sub(r"/+$", "", given.url)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.add_init_script(WATCH)
        page = context.new_page()
        page.goto(f"{url}/login")
        page.fill("[name=name]", given.user)
        page.fill("[name=password]", given.password)
        page.click("main button")
        page.wait_for_load_state()
        pages = pages_of(page, url, given.dataset)
        over = print_words(page, url, pages)
        over += print_weight(page, url + pages["Review"])
        print_vitals(page, url, pages)
        browser.close()
    sys.exit(min(over, 1))


if __name__ == "__main__":
    main()
