"""Static files: cached for ever below their digest, where modules find each other, and loaded together."""

import re
from urllib.parse import urljoin

import pytest
from fastapi.testclient import TestClient

from app.web.rendering import bundled, static_digest, static_url

MODULES = sorted(
    path.relative_to(bundled("static")).as_posix()
    for path in bundled("static").rglob("*.js")
    if path.parent.name != "vendor"
)
PAGES = {"deck/page.html": "review/start.js", "deck/grid.html": "grid.js"}
FOR_EVER = "public, max-age=31536000, immutable"


def imported(name: str) -> set[str]:
    """The addresses that a module imports, as a browser resolves them."""
    text = (bundled("static") / name).read_text()
    found = re.findall(r"""^(?:import|\} from|import .* from) ["']([^"']+)["'];$""", text, re.MULTILINE)
    assert len(found) == len(re.findall(r"^import\b", text, re.MULTILINE))
    return {urljoin(static_url(name), each) for each in found}


@pytest.mark.parametrize("name", MODULES)
def test_a_module_and_all_that_it_imports_may_be_kept_for_ever(visitor: TestClient, name: str) -> None:
    for address in {static_url(name), *imported(name)}:
        answer = visitor.get(address)
        assert answer.status_code == 200, address
        assert answer.headers["cache-control"] == FOR_EVER
        assert "javascript" in answer.headers["content-type"]


def test_a_file_below_the_digest_of_an_earlier_version_is_todays_and_kept_a_minute(
    visitor: TestClient,
) -> None:
    assert static_digest() != "0" * 12
    for path in (f"/static/{'0' * 12}/app.css", "/static/app.css"):
        answer = visitor.get(path)
        assert answer.content == (bundled("static") / "app.css").read_bytes()
        assert answer.headers["cache-control"] == "public, max-age=60"
    for path in (
        f"/static/{static_digest()}/nothing.js",
        f"/static/{static_digest()}",
        "/static/zero/app.css",
    ):
        assert visitor.get(path).status_code == 404


@pytest.mark.parametrize("page", PAGES)
def test_a_page_loads_all_of_its_modules_at_once(page: str) -> None:
    """Otherwise a browser would learn of each further module from the one before."""
    wanted, waiting = set(), {static_url(PAGES[page])}
    while waiting:
        address = waiting.pop()
        wanted.add(address)
        waiting |= imported(address.split("/", 3)[3]) - wanted
    own, everywhere = named_in(page), named_in("layout.html")  # the layout's are loaded by every page
    assert own | (everywhere & wanted) == wanted


def named_in(template: str) -> set[str]:
    """The modules that a template names before its main part."""
    text = (bundled("templates") / template).read_text()
    head = re.sub(r'<link rel="preload"[^>]*>', "", text[: text.index("{% block main %}")])
    loops = re.findall(r"{% for name in \[(.*?)\] %}", head)
    named = {f"review/{name}.js" for loop in loops for name in re.findall(r'"(\w+)"', loop)}
    named |= set(re.findall(r"""static\(["']([\w/]+\.js)["']\)""", head))
    return {static_url(name) for name in named}
