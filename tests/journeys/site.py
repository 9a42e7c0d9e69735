"""The built documentation in a real browser."""

import re
from contextlib import suppress
from urllib.parse import urldefrag, urljoin

from playwright.sync_api import Page, expect
from playwright.sync_api import TimeoutError as TooLate


def watch(page: Page) -> list[str]:
    """What the page complains of from now on: errors, refused files, breaches of the policy."""
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda line: said.append(line.text) if line.type in ("error", "warning") else None)
    return said


def find(page: Page, word: str) -> None:
    """Search; the first page that is found opens and has the word."""
    field, first = page.get_by_placeholder("Search"), page.locator(".md-search-result__item a").first
    for _ in range(20):  # a key that goes up before the theme's script listens is lost
        field.fill("")
        field.press_sequentially(word)
        with suppress(TooLate):
            first.wait_for(timeout=5000)
            break
    expect(first).to_be_visible()
    address = first.get_attribute("href")
    first.click()
    expect(page).to_have_url(re.compile(re.escape(urldefrag(address or "")[0])))
    expect(page.locator("article")).to_contain_text(re.compile(word, re.IGNORECASE))


def linked(page: Page, server: str) -> set[str]:
    """Every address of the site that its pages name: pages, pictures, scripts, styles. Each is there."""
    to_read, seen = [page.url], set[str]()
    while to_read:
        address = urldefrag(to_read.pop())[0]
        if address in seen or not address.startswith(f"{server}/help/docs/"):
            continue
        seen.add(address)
        answer = page.request.get(address)
        assert answer.status == 200, address
        if answer.headers["content-type"].startswith("text/html"):
            to_read += [
                urljoin(address, each) for each in re.findall(r'(?:href|src)="?([^"\s>]+)', answer.text())
            ]
    return seen
