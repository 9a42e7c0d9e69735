"""The review in a real Chromium, by keyboard, over a slow and a broken network."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright
from sqlalchemy import insert, select

from app.db import Database
from app.ranking.models import Prediction, StagedPrediction
from app.review.issues import publish
from app.review.models import Decision, SampleReview
from app.web.deps import SESSION_COOKIE
from tests.conftest import PASSWORD
from tests.factories import Made, make_dataset, make_run
from tests.servers import Server, start_server

POSTS = re.compile(r"/review/(decisions|undo|claims)$")


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all, with ann; each test has a data set of its own."""
    with start_server(tmp_path_factory.mktemp("live")) as running:
        running.command("user", "add", "ann", "--password-stdin", stdin=f"{PASSWORD}\n")
        yield running


@pytest.fixture(scope="module")
def session(server: Server) -> str:
    """Ann's log-in cookie."""
    answer = httpx.post(f"{server.url}/login", data={"name": "ann", "password": PASSWORD})
    assert answer.status_code == 303
    return str(answer.cookies[SESSION_COOKIE])


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
    opened.on("console", lambda line: problems.append(line.text) if "Content Security Policy" in line.text else None)
    opened.goto(f"{server.url}/d/{live[1].name}/review")
    expect(card(opened)).to_have_count(1)
    yield opened
    context.close()
    assert problems == []


def card(page: Page):
    return page.locator(".card:not([hidden])")


def shown(page: Page) -> int:
    return int(card(page).get_attribute("data-sample") or 0)


def expect_shown(page: Page, sample_id: int) -> None:
    expect(card(page)).to_have_attribute("data-sample", str(sample_id))


def states(live: tuple[Database, Made]) -> dict[int, tuple[str, int | None]]:
    database, made = live
    with database.read() as session:
        rows = session.scalars(select(SampleReview).where(SampleReview.dataset_id == made.dataset_id))
        return {row.sample_id: (row.verdict, row.label) for row in rows}


def rerank(database: Database, made: Made, *, gone: list[int]) -> None:
    """The run's ranking turned around, as of one epoch later, without the issues of some samples."""
    with database.write() as session:
        columns = [column.name for column in Prediction.__table__.columns]
        rows = [{name: getattr(row, name) for name in columns} for row in session.scalars(select(Prediction)) if row.run_id == made.run_id]
        for row in rows:
            row["rank"] = len(rows) + 1 - row["rank"]
            if row["sample_id"] in gone:
                row["predicted_label"] = row["label"]
        session.execute(insert(StagedPrediction), rows)
        publish(session, run_id=made.run_id, epochs=2)


def settle(page: Page) -> None:
    """Wait until every answer has reached the server."""
    expect(page.locator("body")).to_have_attribute("data-unsaved", "0")


def test_every_key_gives_its_answer(page: Page, live: tuple[Database, Made]) -> None:
    _, made = live
    keys = {"q": "keep", "a": "keep", "w": "relabel", "e": "delete", "x": "delete", "n": "unsure", "f": "unsure"}
    for place, key in enumerate(keys):
        expect_shown(page, made.ranked[place])
        page.keyboard.press(key)
    settle(page)
    found = states(live)
    assert [found[made.ranked[place]][0] for place in range(len(keys))] == list(keys.values())


def test_a_digit_relabels_to_its_class(page: Page, live: tuple[Database, Made]) -> None:
    _, made = live
    given = page.locator(".card:not([hidden]) .class.given .name").inner_text().split()[0]
    place = 2 if given != "owl" else 1
    page.keyboard.press(str(place + 1))
    settle(page)
    assert states(live)[made.ranked[0]] == ("relabel", place)


def test_the_next_image_is_there_at_once_although_the_network_is_slow(page: Page, live: tuple[Database, Made]) -> None:
    _, made = live

    def slowly(route: Route) -> None:
        time.sleep(0.15)
        route.continue_()

    page.route(POSTS, slowly)
    times = page.evaluate(
        """async () => {
            const times = [];
            for (let i = 0; i < 4; i += 1) {
                const start = performance.now();
                document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "q", code: "KeyQ", bubbles: true }));
                await document.querySelector(".card:not([hidden]) img").decode();
                await new Promise(requestAnimationFrame);
                times.push(performance.now() - start);
            }
            return times;
        }"""
    )
    assert min(times) < 50, times  # the other tests' load is in the rest; waiting for the network would be in all of them
    expect_shown(page, made.ranked[4])
    settle(page)
    assert set(states(live)) == set(made.ranked[:4])
    assert page.locator(".card").count() == 6  # refilled behind


def test_undo_goes_back_card_by_card_and_further_than_the_page(page: Page, live: tuple[Database, Made]) -> None:
    _, made = live
    for key in "qw":
        page.keyboard.press(key)
    settle(page)
    page.reload()
    expect_shown(page, made.ranked[2])
    page.keyboard.press("e")
    for key, place in (("z", 2), ("Control+z", 1), ("Backspace", 0)):
        page.keyboard.press(key)
        expect_shown(page, made.ranked[place])
        settle(page)
    assert states(live) == {}
    page.keyboard.press("z")  # nothing is left
    settle(page)
    expect_shown(page, made.ranked[0])


def test_redo_gives_the_answers_again_in_their_order(page: Page, live: tuple[Database, Made]) -> None:
    _, made = live
    for key in "ewn":
        page.keyboard.press(key)
    settle(page)
    before = states(live)
    for _ in range(3):
        page.keyboard.press("z")
    settle(page)
    assert states(live) == {}
    expect_shown(page, made.ranked[0])
    for place, key in enumerate(("Shift+Z", "Control+Shift+Z", "Control+y"), 1):
        page.keyboard.press(key)
        expect_shown(page, made.ranked[place])
    settle(page)
    assert states(live) == before
    page.keyboard.press("Shift+Z")  # nothing is left
    settle(page)
    assert states(live) == before


def test_an_undo_whose_answer_is_lost_undoes_once(page: Page, live: tuple[Database, Made]) -> None:
    _, made = live
    for _ in range(4):
        page.keyboard.press("e")
    settle(page)
    lost = []

    def lose(route: Route) -> None:
        if lost:
            route.continue_()
            return
        lost.append(1)
        route.fetch()  # it arrives
        route.abort()

    page.route(re.compile("/undo$"), lose)
    page.keyboard.press("z")
    expect_shown(page, made.ranked[3])
    settle(page)
    assert lost
    assert set(states(live)) == set(made.ranked[:3])
    expect_shown(page, made.ranked[3])


def test_a_class_is_found_by_typing(page: Page, live: tuple[Database, Made]) -> None:
    _, made = live
    page.keyboard.press("/")
    expect(page.get_by_role("combobox", name="Class")).to_be_focused()
    expect(page.locator("#find-list").get_by_role("option")).to_have_count(3)
    page.keyboard.type("O")
    expect(page.locator("#find-list").get_by_role("option")).to_have_text(["owl", "dog"])  # those that begin with it come first
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("option", selected=True)).to_have_text("owl")
    page.keyboard.press("Enter")
    expect_shown(page, made.ranked[1])
    settle(page)
    assert states(live) == {made.ranked[0]: ("relabel", 2)}
    page.keyboard.press("/")
    expect(page.get_by_role("combobox", name="Class")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("combobox", name="Class")).to_be_hidden()
    page.keyboard.press("q")
    expect_shown(page, made.ranked[2])


def test_zoom_and_position_stay_from_card_to_card(page: Page) -> None:
    def place() -> dict[str, float]:
        return card(page).locator("img").evaluate("image => (({x, y, width}) => ({x, y, width}))(image.getBoundingClientRect())")

    whole = place()
    page.mouse.move(whole["x"] + 40, whole["y"] + 40)
    page.mouse.wheel(0, -500)
    page.mouse.down()
    page.mouse.move(whole["x"] + 20, whole["y"] + 10)
    page.mouse.up()
    near = place()
    assert near["width"] > 2 * whole["width"]
    assert near["x"] < whole["x"]
    assert near["y"] < whole["y"]
    page.keyboard.press("q")
    assert place() == near
    page.keyboard.press("+")
    assert place()["width"] > near["width"]
    for _ in range(20):
        page.get_by_role("button", name="Zoom out").click()
    assert place() == whole


def test_an_undone_card_is_answered_anew(page: Page, live: tuple[Database, Made]) -> None:
    _, made = live
    for key in ("q", "z", "e"):
        page.keyboard.press(key)
    settle(page)
    expect_shown(page, made.ranked[1])
    assert states(live)[made.ranked[0]][0] == "delete"
    expect(page.locator("#tray a")).to_have_count(1)


def test_an_answer_that_meets_a_failing_network_is_tried_again_and_recorded_once(page: Page, live: tuple[Database, Made]) -> None:
    database, made = live
    failures = iter((True, True))

    def fail_twice(route: Route) -> None:
        if next(failures, False):
            route.abort()
        else:
            route.continue_()

    page.route(POSTS, fail_twice)
    page.keyboard.press("q")
    expect_shown(page, made.ranked[1])
    settle(page)
    with database.read() as session:
        assert len(session.scalars(select(Decision).where(Decision.dataset_id == made.dataset_id)).all()) == 1
    expect(page.locator("#messages")).to_be_empty()


def test_answers_that_cannot_be_saved_bring_their_cards_back(page: Page, live: tuple[Database, Made]) -> None:
    _, made = live
    page.evaluate("PAUSES.fill(10)")
    page.route(POSTS, lambda route: route.abort())
    page.keyboard.press("q")
    page.keyboard.press("e")
    expect(page.locator("#messages")).to_contain_text("2 answers were not saved; their cards are shown again")
    expect_shown(page, made.ranked[0])
    page.unroute(POSTS)
    page.keyboard.press("q")
    expect_shown(page, made.ranked[1])
    settle(page)
    assert set(states(live)) == {made.ranked[0]}


def test_a_refused_answer_brings_its_card_back_with_the_reason(page: Page, live: tuple[Database, Made]) -> None:
    _, made = live
    page.evaluate("document.querySelector('.card:not([hidden]) [value=keep]').value = 'burn'")
    page.locator(".card:not([hidden]) [value=burn]").click()
    expect(page.locator("#messages")).to_contain_text("is no verdict")
    expect_shown(page, made.ranked[0])


def test_an_ended_session_keeps_the_answers_until_one_signs_in_again(page: Page, live: tuple[Database, Made]) -> None:
    _, made = live
    cookies = page.context.cookies()
    page.context.clear_cookies()
    page.keyboard.press("q")
    page.keyboard.press("w")
    expect(page.locator("#messages")).to_contain_text("signed out")
    page.context.add_cookies(cookies)
    page.locator("#messages button").click()
    settle(page)
    assert set(states(live)) == set(made.ranked[:2])


def test_a_new_ranking_swaps_in_between_cards_and_says_so(page: Page, live: tuple[Database, Made]) -> None:
    database, made = live
    run_id = make_run(database, made.dataset_id, made.version_id, wrong=10, seed=1)
    page.keyboard.press("q")
    expect(page.locator("#messages")).to_contain_text(f"A new ranking has arrived; the cards after this one come from run {run_id}")
    expect_shown(page, made.ranked[1])


def test_a_better_ranking_of_the_same_run_replaces_the_cards_that_wait(page: Page, live: tuple[Database, Made]) -> None:
    database, made = live
    held = page.locator(".card").evaluate_all("cards => cards.map((card) => Number(card.dataset.sample))")
    assert held == list(made.ranked[:6])
    rerank(database, made, gone=held[2:4])
    page.keyboard.press("q")
    expect(page.locator("#messages")).to_contain_text("A better ranking has arrived")
    expect_shown(page, held[1])  # the card that I look at stays
    page.keyboard.press("q")
    settle(page)
    waiting = page.locator(".card").evaluate_all("cards => cards.map((card) => Number(card.dataset.sample))")
    assert not set(held[2:4]) & set(waiting)
    assert held[4] in waiting
    expect(card(page).locator(".reason")).to_contain_text("Rank 15 of 24")  # what was rank 10


def test_space_skips_and_the_card_comes_again_at_the_end(page: Page, live: tuple[Database, Made]) -> None:
    _, made = live
    page.keyboard.press(" ")
    expect_shown(page, made.ranked[1])
    for _ in range(9):
        page.keyboard.press("q")
        settle(page)
    expect_shown(page, made.ranked[0])
    page.keyboard.press("q")
    expect(page.locator("#rest")).to_contain_text("Every label issue is reviewed")
    assert len(states(live)) == 10


def test_skipping_everything_loads_more_cards(page: Page, live: tuple[Database, Made]) -> None:
    _, made = live
    for place in range(8):
        expect_shown(page, made.ranked[place])
        page.keyboard.press(" ")
        settle(page)


def test_arrows_look_without_deciding(page: Page, live: tuple[Database, Made]) -> None:
    _, made = live
    for key, place in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("ArrowLeft", 0), ("ArrowLeft", 0)):
        page.keyboard.press(key)
        expect_shown(page, made.ranked[place])
    assert states(live) == {}


def test_holding_b_hides_the_models_opinion(page: Page) -> None:
    opinion = page.locator(".card:not([hidden]) .reason")
    expect(opinion).to_be_visible()
    page.keyboard.down("b")
    expect(opinion).to_be_hidden()
    page.keyboard.up("b")
    expect(opinion).to_be_visible()


def test_the_list_of_keys_opens_and_blocks_the_other_keys(page: Page, live: tuple[Database, Made]) -> None:
    _, made = live
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("q")
    expect_shown(page, made.ranked[0])
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    page.keyboard.press("q")
    expect_shown(page, made.ranked[1])


def test_keys_can_be_switched_off_for_good(page: Page, live: tuple[Database, Made]) -> None:
    _, made = live
    page.keyboard.press("?")
    page.locator("#keys-on").uncheck()
    page.reload()
    page.keyboard.press("q")
    page.wait_for_timeout(100)
    expect_shown(page, made.ranked[0])
    page.locator(".card:not([hidden]) [value=keep]").click()  # the button still does it
    expect_shown(page, made.ranked[1])


def test_a_held_key_answers_once(page: Page, live: tuple[Database, Made]) -> None:
    _, made = live
    page.keyboard.down("q")
    page.keyboard.down("q")  # auto-repeat
    page.keyboard.down("q")
    page.keyboard.up("q")
    settle(page)
    expect_shown(page, made.ranked[1])


def test_shortcuts_of_the_browser_are_left_alone(page: Page, live: tuple[Database, Made]) -> None:
    _, made = live
    for keys in ("Control+a", "Control+c", "Control+f", "Alt+q", "Shift+z", "Control+/", "Control+-", "Control++"):
        page.keyboard.press(keys)
    expect_shown(page, made.ranked[0])
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator("#zoom")).to_have_text("100 %")


def test_a_click_does_not_make_space_answer_the_next_card(page: Page, live: tuple[Database, Made]) -> None:
    _, made = live
    page.locator(".card:not([hidden]) [value=keep]").click()
    page.keyboard.press(" ")
    settle(page)
    expect_shown(page, made.ranked[2])
    assert set(states(live)) == {made.ranked[0]}


def test_by_tab_and_enter_the_focus_stays_on_the_same_button(page: Page, live: tuple[Database, Made]) -> None:
    _, made = live
    page.locator("body").press("Tab")
    for _ in range(30):
        if page.evaluate("document.activeElement.value") == "keep":
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect_shown(page, made.ranked[1])
    assert page.evaluate("document.activeElement.value") == "keep"


def test_nothing_moves_from_card_to_card(page: Page) -> None:
    boxes = []
    for _ in range(3):
        places = [page.locator(f".card:not([hidden]) {part}").bounding_box() for part in (".stage img", ".verdicts", ".classes", ".lesser")]
        boxes.append(places)
        page.keyboard.press("q")
        settle(page)
    assert boxes[0] == boxes[1] == boxes[2]


def test_the_last_decisions_are_small_pictures_that_open_again(page: Page, live: tuple[Database, Made]) -> None:
    _, made = live
    page.keyboard.press("e")
    settle(page)
    page.locator("#tray a").first.click()
    expect_shown(page, made.ranked[0])
    expect(card(page)).to_contain_text("Standing answer: delete")


def test_without_javascript_every_step_works(browser: Browser, server: Server, live: tuple[Database, Made]) -> None:
    _, made = live
    context = browser.new_context(java_script_enabled=False, viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.goto(f"{server.url}/login?next=/d/{made.name}/review")
    page.fill("[name=name]", "ann")
    page.fill("[name=password]", PASSWORD)
    page.locator("button.primary").click()
    page.get_by_role("button", name="Start").click()
    expect_shown(page, made.ranked[0])
    page.get_by_role("button", name="Delete").click()
    expect_shown(page, made.ranked[1])
    page.get_by_role("link", name="Space Skip").click()
    expect_shown(page, made.ranked[2])
    page.get_by_role("button", name="Undo").click()
    expect_shown(page, made.ranked[0])
    context.close()
    assert states(live) == {}
