"""No page excludes anybody, as far as axe-core finds: WCAG 2.2 A and AA, light and dark, desk and phone."""

import re
from collections.abc import Iterator

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext
from sqlalchemy import update

from app.datasets.gold import gold_ids
from app.datasets.models import Sample
from app.db.engine import Database
from app.photos.photos import record_look
from app.review.gold import draw_gold
from app.web.deps import SESSION_COOKIE
from tests.browser.conftest import add_person, cookie_of
from tests.factories import Made, make_dataset, make_run, photo
from tests.ranking.test_maps import draw
from tests.servers import Server
from tests.web.asking import sure

OPTIONS = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
    "resultTypes": ["violations"],  # describing every element that is as it should be takes most of the time
}
PAGES = (
    "/",
    "/people",
    "/jobs",
    "/server",
    "/account",
    "/docs",
    "/go",
    "/help",
    "/datasets/new",
    "/d/faces",
    "/d/faces/classes",
    "/d/faces/class?of=cat",
    "/d/faces/manage",
    "/d/faces/images/labels",
    "/d/faces/images/map",
    "/d/plain/images/map",
    "/d/faces/models/import",
    "/d/faces/export/versions",
    "/d/faces/review",
    "/d/faces/review?order=random",
    "/d/faces/images",
    "/d/faces/images?text=nothing",
    "/d/faces/images/duplicates",
    "/d/faces/images/problems",
    "/d/faces/settings",
    "/d/faces/settings/people",
    "/d/faces/images/disputed",
    "/d/faces/results/team",
    "/d/faces/images/{sample}",
    "/d/faces/models",
    "/d/faces/models/{run}",
    "/d/faces/models/{run}?matrix=columns",
    "/d/faces/models/{run}/images",
    "/d/faces/models/{child}",
    "/d/faces/models/{run}/photos",
    "/d/faces/models/train?epochs=40",
    "/d/faces/models/retrain",
    "/d/faces/models/retrain?recipe=paper&start=none&lr=7",
    "/d/faces/results",
    "/d/faces/results/images?old={run}&new={child}",
    "/d/faces/results/errors-left",
    "/d/faces/results/history",
    "/d/faces/export",
    "/d/faces/none",
    "/d/faces/results/test-set",
    "/d/plain/results/test-set",
    "/d/gilded/results/test-set",
    "/d/gilded/review?order=gold",
    "/d/gilded/images/{gold}",
    "/d/gilded",
)


@pytest.fixture(scope="module")
def admin(server: Server, tmp_path_factory: pytest.TempPathFactory) -> tuple[Server, Made, str, int]:
    """The server with a reviewed data set, an admin's cookie, and an image of another one's gold part."""
    folder = tmp_path_factory.mktemp("accessible")
    add_person(server, "ada", role="admin")
    database = Database(f"sqlite:///{server.data_dir / 'toploss.db'}")
    made = make_dataset(database, folder / "images")
    assert (
        make_run(database, made.dataset_id, made.version_id, wrong=8, parent_id=made.run_id)
        == made.run_id + 1
    )
    with database.write() as session:
        session.execute(
            update(Sample).where(Sample.id.in_(made.ranked[:12])).values(lookalikes=made.sample_ids[0])
        )
    draw(database, made)
    make_dataset(database, folder / "plain", name="plain", per_class=30)
    gilded = make_dataset(database, folder / "gilded", name="gilded", per_class=30, wrong=120)
    with database.write() as session:
        draw_gold(session, dataset_id=gilded.dataset_id, size=20, looks=1)
        gold = gold_ids(session, dataset_id=gilded.dataset_id).tolist()
    cookie = cookie_of(server, "ada")
    with httpx.Client(
        base_url=server.url,
        cookies={SESSION_COOKIE: cookie},
        headers={"sec-fetch-site": "same-origin"},
        timeout=60,
    ) as client:
        for verdict in ("keep", "relabel:owl", "delete"):
            form = {"sample": made.ranked[0], "answer": verdict, "client_id": verdict, "alone": "true"}
            assert client.post("/d/faces/review/decisions", data=form).status_code == 303
        policy = {"annotators": "2", "which": "changes", "share": "10", "who": "anyone"}
        assert sure(client, "/d/faces/settings", policy).status_code == 303
        marks = {"samples": made.ranked[3:6], "answer": "delete", "client_id": "many"}
        assert client.post("/d/faces/images/verdicts", data=marks).status_code == 303
        assert sure(client, "/d/faces/results/audits", {"size": "20"}).status_code == 303
        assert (
            client.post("/d/faces/results/errors-left", data={"kind": "keeps", "amount": "9"}).status_code
            == 303
        )
        form = {"sample": gold[0], "answer": "delete", "client_id": "gold", "alone": "true"}
        assert client.post("/d/gilded/review/decisions", data=form).status_code == 303
        photos = [
            ("files", ("a.png", photo(), "image/png")),
            ("files", ("b.png", photo((0, 0, 0)), "image/png")),
        ]
        sent = client.post(f"/api/v1/runs/{made.run_id}/photos", files=photos).json()
    with database.write() as session:  # the other one waits
        record_look(session, photo_id=sent["photos"][0], job_id=sent["job"], probabilities=[0.2, 0.7, 0.1])
    database.close()
    return server, made, cookie, gold[-1]


@pytest.fixture(
    params=[(1280, "light"), (390, "dark")],  # each width and each scheme once
    ids=lambda each: f"{each[0]}-{each[1]}",
)
def context(
    request: pytest.FixtureRequest, browser: Browser, admin: tuple[Server, Made, str, int]
) -> Iterator[BrowserContext]:
    width, scheme = request.param
    opened = browser.new_context(
        viewport={"width": width, "height": 844},
        color_scheme=scheme,
        bypass_csp=True,
        reduced_motion="reduce",
    )
    opened.add_cookies([{"name": SESSION_COOKIE, "value": admin[2], "url": admin[0].url}])
    yield opened
    opened.close()


def test_axe_finds_nothing_on_any_page(context: BrowserContext, admin: tuple[Server, Made, str, int]) -> None:
    server, made, _, gold = admin
    page = context.new_page()
    found = []
    for address in PAGES:
        page.goto(
            server.url
            + address.format(sample=made.ranked[0], run=made.run_id, child=made.run_id + 1, gold=gold)
        )
        if re.search(r"/review", address):
            page.locator(".card:not([hidden])").wait_for()
        if page.locator("#picture").count():
            page.locator("#map[data-ready]").wait_for()
        violations = Axe().run(page, options=OPTIONS).response["violations"]
        found += [(address, each["id"], each["help"], each["nodes"][0]["html"][:200]) for each in violations]
    assert found == [], "\n".join(map(str, found))


def test_axe_finds_nothing_on_the_way_in(browser: Browser, admin: tuple[Server, Made, str, int]) -> None:
    page = browser.new_page(bypass_csp=True)
    page.goto(admin[0].url + "/login")
    assert Axe().run(page, options=OPTIONS).response["violations"] == []
    page.close()
