"""Whole sessions: a hundred cards by keyboard, two annotators, a killed server, the grid, the reasons."""

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from sqlalchemy import func, select

from app.db.engine import Database
from app.review.gold import gold_labels
from app.review.models import Decision
from app.web.deps import SESSION_COOKIE
from tests.browser.conftest import add_person, cookie_of
from tests.browser.deck import card, ready, settle, shown, states
from tests.factories import Made, make_dataset
from tests.ports import free_port
from tests.servers import Server, start_server


@pytest.fixture
def large(server: Server, tmp_path: Path) -> Iterator[tuple[Database, Made]]:
    """A data set with more than a hundred label issues."""
    database = Database(f"sqlite:///{server.data_dir / 'toploss.db'}")
    yield (
        database,
        make_dataset(database, tmp_path / "images", name=f"large-{tmp_path.name}", per_class=45, wrong=130),
    )
    database.close()


def sign_in(browser: Browser, server: Server, name: str) -> Page:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.add_cookies([{"name": SESSION_COOKIE, "value": cookie_of(server, name), "url": server.url}])
    return context.new_page()


def decided(database: Database, made: Made) -> int:
    with database.read() as session:
        return (
            session.scalar(
                select(func.count()).select_from(Decision).where(Decision.dataset_id == made.dataset_id)
            )
            or 0
        )


def test_a_hundred_cards_by_keyboard_alone(
    browser: Browser, server: Server, large: tuple[Database, Made]
) -> None:
    _, made = large
    page = sign_in(browser, server, "ann")
    page.goto(f"{server.url}/d/{made.name}/review")
    expect(card(page)).to_have_count(1)
    seen = []
    for i in range(100):
        seen.append(shown(page))
        page.keyboard.press("qwe1"[i % 4])
        page.wait_for_function(
            "id => document.querySelector('.card:not([hidden])')?.dataset.sample !== id", arg=str(seen[-1])
        )
    settle(page)
    assert seen == list(made.ranked[:100])
    found = states(large)
    assert set(found) == set(seen)
    assert [found[sample][0] for sample in seen[:3]] == ["keep", "relabel", "delete"]
    page.context.close()


def test_two_annotators_at_once_never_see_the_same_card(
    browser: Browser, server: Server, large: tuple[Database, Made]
) -> None:
    database, made = large
    add_person(server, f"bob{made.dataset_id}")
    pages = [sign_in(browser, server, name) for name in ("ann", f"bob{made.dataset_id}")]
    for page in pages:
        page.goto(f"{server.url}/d/{made.name}/review")
        expect(card(page)).to_have_count(1)
    seen: list[list[int]] = [[], []]
    for _ in range(15):
        for page, mine in zip(pages, seen, strict=True):
            mine.append(shown(page))
            page.keyboard.press("e")
            page.wait_for_function(
                "id => document.querySelector('.card:not([hidden])')?.dataset.sample !== id",
                arg=str(mine[-1]),
            )
    for page in pages:
        settle(page)
        page.context.close()
    assert not set(seen[0]) & set(seen[1])
    assert len(states(large)) == decided(database, made) == 30


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_server_that_stops_in_mid_session_loses_nothing(
    browser: Browser, chromium: str, tmp_path: Path, how: signal.Signals
) -> None:
    data_dir = tmp_path / "data"
    port = str(free_port())  # the second server has to find it free
    with start_server(data_dir, TOPLOSS_PORT=port) as server:
        add_person(server, "ann")
        database = Database(f"sqlite:///{data_dir / 'toploss.db'}")
        made = make_dataset(database, tmp_path / "images", per_class=9, wrong=24)
        page = sign_in(browser, server, "ann")
        page.goto(f"{server.url}/d/faces/review")
        expect(card(page)).to_have_count(1)
        for _ in range(3):
            page.keyboard.press("q")
        settle(page)
        server.stop(how)
        for _ in range(3):
            page.keyboard.press("e")  # while nobody listens
    with start_server(data_dir, TOPLOSS_PORT=port):
        expect(page.locator("body")).to_have_attribute("data-unsaved", "0", timeout=120_000)
        page.context.close()
    assert states((database, made)) == {
        **{
            sample: ("keep", state[1])
            for sample, state in states((database, made)).items()
            if sample in made.ranked[:3]
        },
        **dict.fromkeys(made.ranked[3:6], ("delete", None)),
    }
    assert decided(database, made) == 6
    database.close()


def test_the_reasons_are_asked_for_by_a_key_and_stay_out_of_the_way(
    page: Page, live: tuple[Database, Made]
) -> None:
    _, made = live
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith("/why") else None)
    expect(card(page).locator(".why")).to_have_count(0)
    page.keyboard.press("y")
    expect(card(page).locator(".why")).to_contain_text(
        "The model that predicts this did not train on this image."
    )
    assert asked == [asked[0]]
    page.keyboard.press("q")
    expect(card(page).locator(".why")).to_have_count(0)
    settle(page)
    assert states(live) == {made.ranked[0]: ("keep", states(live)[made.ranked[0]][1])}


def test_the_grid_by_keyboard(page: Page, live: tuple[Database, Made]) -> None:
    _, made = live
    page.keyboard.press("g")
    ready(page, re.compile("/images$"))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator("#count")).to_have_text("2 marked")
    page.keyboard.press("3")
    expect(page.locator(".past")).to_contain_text("2 relabelled to owl")
    assert set(states(live)) == set(made.ranked[:2])
    page.keyboard.press("z")
    expect(page.locator(".past")).to_contain_text("undone")
    assert states(live) == {}
    page.keyboard.press("q")
    expect(page.locator("#count")).to_have_text("Mark some first")
    page.keyboard.press("Control+a")
    expect(page.locator("#count")).to_have_text("All 24 that match")
    page.keyboard.press("e")
    expect(page.locator(".past")).to_contain_text("24 deleted")
    assert len(states(live)) == 24


def test_an_answer_of_the_grid_is_whole_at_once(page: Page, live: tuple[Database, Made]) -> None:
    """What comes with an answer works as soon as it is there, so that no moment needs to be waited for."""
    page.goto(page.url.replace("/review", "/images"))
    page.get_by_role("checkbox").first.check()
    page.evaluate("""() => {
        window.isSamePage = true;
        new MutationObserver((_, observer) => {
            const undo = document.querySelector("[data-undo]");
            if (undo) { observer.disconnect(); undo.click(); }
        }).observe(document.body, { childList: true, subtree: true });
    }""")
    page.keyboard.press("e")
    expect(page.locator(".past")).to_contain_text("undone")
    assert page.evaluate("window.isSamePage") is True  # htmx has sent the undo, not the plain form
    assert states(live) == {}


def test_a_key_of_the_grid_never_undoes_what_came_before_an_answer_that_is_on_its_way(
    page: Page, live: tuple[Database, Made]
) -> None:
    _, made = live
    page.goto(page.url.replace("/review", "/images"))
    page.get_by_role("checkbox").first.check()
    page.keyboard.press("e")
    expect(page.locator(".past")).to_contain_text("1 deleted")
    waiting: list[Route] = []

    def hold_back(route: Route) -> None:
        waiting.append(route)

    page.route(re.compile("/images/verdicts$"), hold_back)
    page.get_by_role("checkbox").nth(1).check()
    with page.expect_request(re.compile("/images/verdicts$")):
        page.keyboard.press("e")
    for key in ("z", "Control+z", "q"):
        page.keyboard.press(key)
        expect(page.locator("#count")).to_have_text("Not yet: the answer before is on its way")
    waiting[0].continue_()
    expect(page.locator(".past form")).to_have_count(2)
    expect(page.locator(".past")).not_to_contain_text("undone")
    assert states(live) == dict.fromkeys(made.ranked[:2], ("delete", None))
    page.keyboard.press("z")
    expect(page.locator(".past")).to_contain_text("undone")
    assert set(states(live)) == {made.ranked[0]}


def test_a_range_is_marked_with_shift_and_a_filter_is_the_address(
    page: Page, live: tuple[Database, Made]
) -> None:
    page.keyboard.press("g")
    ready(page, re.compile("/images$"))
    page.select_option("[name=state]", "issues")
    expect(page).to_have_url(re.compile(r"/images\?state=issues$"))
    expect(page.locator(".head p")).to_have_text("10 images that match")
    page.locator(".tile label").nth(1).click()
    page.locator(".tile label").nth(4).click(modifiers=["Shift"])
    expect(page.locator("#count")).to_have_text("4 marked")
    page.go_back()
    expect(page.locator(".head p")).to_have_text("24 images")


def test_from_the_grid_to_one_card_after_another_of_a_file_size(
    page: Page, live: tuple[Database, Made]
) -> None:
    page.goto(page.url.replace("/review", "/images"))
    page.get_by_text("More filters").click()
    page.get_by_label("File size to (kB)").fill("1")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/images\?max_kb=1$"))  # the address has no empty fields
    page.get_by_role("link", name="One by one").click()
    ready(page, re.compile(r"/review\?max_kb=1$"))
    expect(card(page)).to_have_count(1)
    expect(page.locator(".tabs [aria-current]")).to_contain_text("Review")
    sample = shown(page)
    page.keyboard.press("q")
    settle(page)
    assert states(live)[sample][0] == "keep"


def test_the_grid_opens_other_pages_whole(page: Page, live: tuple[Database, Made]) -> None:
    grid = page.url.replace("/review", "/images")
    for query, link in (("", "Open "), ("?duplicates=true", "Side by side")):
        page.goto(f"{grid}{query}")
        page.get_by_role("link", name=link).first.click()
        expect(page).to_have_url(re.compile(r"/images/(\d+|duplicates)$"))
        expect(page.locator("body")).not_to_have_class(re.compile("gridding"))


def test_a_blind_second_look_and_the_last_word(
    browser: Browser, server: Server, large: tuple[Database, Made]
) -> None:
    _, made = large
    ada, bob = f"ada{made.dataset_id}", f"cleo{made.dataset_id}"
    add_person(server, ada, role="admin")
    add_person(server, bob)
    admin, first, second = (sign_in(browser, server, name) for name in (ada, "ann", bob))
    admin.goto(f"{server.url}/d/{made.name}/settings")
    admin.select_option("[name=which]", "changes")
    admin.fill("[name=annotators]", "2")
    with admin.expect_response(re.compile("/settings$")):  # from now on they are in force
        admin.click("main .primary")
    first.goto(f"{server.url}/d/{made.name}/review")
    expect(card(first)).to_have_count(1)
    first.keyboard.press("3")
    settle(first)
    second.goto(f"{server.url}/d/{made.name}/review")
    expect(card(second)).to_contain_text("A second look")
    assert shown(second) == made.ranked[0]
    for key in ("q", "w", "y"):  # there is nothing to keep, to accept or to ask
        second.keyboard.press(key)
    assert shown(second) == made.ranked[0]
    second.keyboard.press("2")
    settle(second)
    admin.goto(f"{server.url}/d/{made.name}/images/disputed")
    expect(admin.locator(".answers")).to_contain_text("owl")
    admin.get_by_role("button", name="dog", exact=True).click()
    admin.get_by_role("button", name="It is dog").click()
    expect(admin.locator("h2")).to_have_text("Nobody disagrees")
    assert states(large)[made.ranked[0]] == ("relabel", 1)
    for page in (admin, first, second):
        page.context.close()


def test_the_gold_part_is_drawn_and_labelled_by_keyboard_with_undo(
    browser: Browser, server: Server, large: tuple[Database, Made]
) -> None:
    database, made = large
    ada = f"gilda{made.dataset_id}"
    add_person(server, ada, role="admin")
    admin = sign_in(browser, server, ada)
    admin.goto(f"{server.url}/d/{made.name}/results/test-set")
    admin.fill("[name=size]", "20")
    admin.fill("[name=looks]", "1")
    admin.click("main .primary")
    admin.get_by_role("button", name="Create test set").click()
    admin.get_by_role("link", name="Label 20 images").click()
    ready(admin, re.compile("/review"))
    expect(card(admin)).to_contain_text("Which class do you see?")
    first = shown(admin)
    admin.keyboard.press("q")  # there is no label to keep
    assert shown(admin) == first
    admin.keyboard.press("1")
    settle(admin)
    assert shown(admin) != first
    admin.keyboard.press("z")
    settle(admin)
    assert shown(admin) == first
    for _ in range(20):
        settle(admin)
        admin.keyboard.press("2")
    settle(admin)
    expect(admin.locator("#rest h2")).to_have_text("Nothing of the checked test set waits for you")
    with database.read() as session:
        found = gold_labels(session, dataset_id=made.dataset_id)
        looks = session.scalars(
            select(Decision).where(Decision.dataset_id == made.dataset_id, Decision.verdict != "undo")
        )
        assert all((look.blind, look.origin, look.rank) == (True, "gold", None) for look in looks)
    assert found is not None
    assert found.labels.tolist() == [1] * 20
    admin.context.close()
