"""No page is wider than the screen, whatever it shows: at no width has anybody to scroll sideways."""

from datetime import timedelta
from pathlib import Path

from playwright.sync_api import Page
from sqlalchemy import update

from app.datasets.models import DatasetVersion, LabelClass
from app.db.engine import Database
from app.db.types import now
from app.main import create_app
from app.settings import Settings
from app.web.deps import SESSION_COOKIE
from tests.browser.conftest import add_person, cookie_of
from tests.factories import Made, make_first_look, make_run
from tests.servers import Server
from tests.web.addresses import addresses

WIDTHS = (390, 600, 900, 1280, 1920)
LONG = "adipose tissue with inflammatory infiltrate, resected"
# Files, answers to machines, old addresses, and the documentation, which is a site of its own.
NO_PAGES = (".csv", ".svg", ".png", "/picture", "/metrics", "/healthz", "/readyz", ":path}")
TOO_WIDE = "() => document.scrollingElement.scrollWidth > innerWidth"
UNFOLD = "() => document.querySelectorAll('main details').forEach((each) => { each.open = true; })"


def pages(tmp_path: Path, made: Made) -> list[str]:
    """Every address that a browser can open, with a data set, a model and an image in it."""
    app = create_app(Settings(data_dir=tmp_path), Database(f"sqlite:///{tmp_path / 'unused.db'}"))
    return [
        each.at(name=made.name, run_id=made.run_id, sample_id=made.ranked[0])
        for each in addresses(app)
        if each.method == "GET" and "/api/" not in each.path and not each.path.endswith(NO_PAGES)
    ]


def test_no_page_scrolls_sideways_at_any_width(
    page: Page, server: Server, live: tuple[Database, Made], tmp_path: Path
) -> None:
    database, made = live
    make_first_look(database, made.dataset_id, made.version_id)
    make_run(database, made.dataset_id, made.version_id, parent_id=made.run_id, wrong=4)
    with database.write() as session:
        is_cat = (LabelClass.dataset_id == made.dataset_id, LabelClass.name == "cat")
        session.execute(update(LabelClass).where(*is_cat).values(name=LONG))
        then = now() - timedelta(hours=23, minutes=59)
        is_first = DatasetVersion.id == made.version_id
        session.execute(update(DatasetVersion).where(is_first).values(created_at=then))
    add_person(server, "wide", role="admin")
    cookie = cookie_of(server, "wide")
    page.context.add_cookies([{"name": SESSION_COOKIE, "value": cookie, "url": server.url}])
    paths = pages(tmp_path, made)
    assert len(paths) > 50
    wide = []
    for path in paths:
        page.goto(server.url + path)
        for unfolded in (False, True):
            if unfolded:
                page.evaluate(UNFOLD)
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 800})
                if page.evaluate(TOO_WIDE):
                    wide.append((path, width, unfolded))
    assert wide == []
