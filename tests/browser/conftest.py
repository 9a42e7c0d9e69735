"""One Chromium and one server for all tests of this folder; each test has a data set of its own."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from app.accounts.hints import put_hints_away
from app.accounts.passwords import hash_password
from app.accounts.users import add_user
from app.db.engine import Database
from app.web.deps import SESSION_COOKIE
from tests.browser.deck import card
from tests.conftest import PASSWORD
from tests.factories import Made, make_dataset
from tests.servers import Server, start_server


def add_person(server: Server, name: str, *, role: str = "annotator", knows_the_deck: bool = False) -> None:
    """As `toploss user add` does, without the second that a command takes to start."""
    database = Database(f"sqlite:///{server.data_dir / 'toploss.db'}")
    with database.write() as session:
        user = add_user(session, name=name, role=role, password_hash=hash_password(PASSWORD))
        if knows_the_deck:
            put_hints_away(session, user_id=user.id)
    database.close()


def cookie_of(server: Server, name: str) -> str:
    """The cookie of a log-in."""
    form = {"name": name, "password": PASSWORD}
    answer = httpx.post(f"{server.url}/login", data=form, timeout=60)
    assert answer.status_code == 303, answer.text
    return str(answer.cookies[SESSION_COOKIE])


@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all, with ann; each test has a data set of its own."""
    with start_server(tmp_path_factory.mktemp("live")) as running:
        add_person(running, "ann", knows_the_deck=True)
        yield running


@pytest.fixture(scope="package")
def session(server: Server) -> str:
    """Ann's log-in cookie."""
    return cookie_of(server, "ann")


@pytest.fixture
def live(server: Server, tmp_path: Path) -> Iterator[tuple[Database, Made]]:
    """The server's database and a ranked data set in it."""
    database = Database(f"sqlite:///{server.data_dir / 'toploss.db'}")
    yield database, make_dataset(database, tmp_path / "images", name=f"faces-{tmp_path.name}")
    database.close()


@pytest.fixture
def page(browser: Browser, server: Server, session: str, live: tuple[Database, Made]) -> Iterator[Page]:
    """Ann's review with the first card shown; nothing of the page may fail in the console."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.add_cookies([{"name": SESSION_COOKIE, "value": session, "url": server.url}])
    opened = context.new_page()
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on(
        "console", lambda line: problems.append(line.text) if "Content Security Policy" in line.text else None
    )
    opened.goto(f"{server.url}/d/{live[1].name}/review")
    expect(card(opened)).to_have_count(1)
    yield opened
    context.close()
    assert problems == []
