"""Where the built documentation is, and which of its pages is about a page of the program."""

import re
from pathlib import Path

ADDRESS = "/help/docs"
FIRST = "index.html"
APP = Path(__file__).resolve().parents[1]
# The beginning of an address, below that of a data set where there is one; the longest that fits counts.
PAGES = {
    "/": "tutorial",
    "/account": "access",
    "/classes": "datasets",
    "/datasets/new": "importing",
    "/docs": "api",
    "/export": "exporting",
    "/images/disputed": "how-to-annotators",
    "/images/map": "map",
    "/import": "importing",
    "/jobs": "operating",
    "/manage": "datasets",
    "/models": "ranking",
    "/models/import": "own-model",
    "/models/retrain": "recipes",
    "/models/train": "recipes",
    "/people": "access",
    "/results": "trap",
    "/results/errors-left": "errors-left",
    "/results/team": "how-to-annotators",
    "/results/test-set": "test-set",
    "/review": "keys",
    "/server": "operating",
    "/settings": "how-to-annotators",
    "/settings/people": "access",
}


def built() -> Path | None:
    """The folder: of the installed package, or what `make docs` built in a checkout; None where it is not."""
    return next((each for each in (APP / "_docs", APP.parent / "site") if (each / FIRST).is_file()), None)


def about(url: str) -> str:
    """The address of what to read about the page at `url`; empty where there is nothing built or written."""
    path = re.sub(r"^/d/[^/]+", "", url.partition("?")[0])
    found = max((each for each in PAGES if path == each or path.startswith(f"{each}/")), key=len, default="")
    return f"{ADDRESS}/{PAGES[found]}.html" if found and built() else ""
