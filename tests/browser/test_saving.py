"""Answers on their way: a slow, a broken and a closed connection, and rankings that arrive meanwhile."""

import re
from datetime import timedelta
from itertools import product

import pytest
from playwright.sync_api import Page, Route, expect
from sqlalchemy import select, update

from app.db.engine import Database
from app.db.types import now
from app.review.models import Claim, Decision
from app.review.orders import publish_order
from tests.browser.deck import POSTS, card, expect_shown, rerank, settle, states
from tests.factories import Made, make_run


def test_the_next_image_is_there_although_no_answer_has_arrived(
    page: Page, live: tuple[Database, Made]
) -> None:
    _, made = live
    waiting: list[Route] = []

    def hold_back(route: Route) -> None:
        waiting.append(route)

    page.route(POSTS, hold_back)  # nothing reaches the server
    for sample_id in made.ranked[1:5]:
        page.keyboard.press("q")
        expect_shown(page, sample_id)
        card(page).locator("img").evaluate("image => image.decode()")
    assert waiting
    assert states(live) == {}
    page.route(POSTS, lambda route: route.continue_())  # the newest rule counts
    for route in waiting:
        route.continue_()
    settle(page)
    assert set(states(live)) == set(made.ranked[:4])
    expect(page.locator(".card")).to_have_count(6)  # refilled behind


def test_cards_stay_with_whoever_looks_at_them_and_go_back_from_whoever_is_away(
    page: Page, live: tuple[Database, Made]
) -> None:
    database, made = live

    def lease_ends() -> list[bool]:
        """Whether each of my leases has more than five minutes left; then all of them have one."""
        with database.write() as session:
            ends = list(session.scalars(select(Claim.lease_until).where(Claim.dataset_id == made.dataset_id)))
            session.execute(update(Claim).values(lease_until=now() + timedelta(minutes=1)))
        return [end > now() + timedelta(minutes=5) for end in ends]

    page.clock.install()
    page.reload()
    card(page).wait_for()
    page.mouse.move(30, 30)
    assert lease_ends()
    with page.expect_response(re.compile("/claims$")):
        page.clock.run_for(61_000)
    settle(page)
    assert set(lease_ends()) == {True}
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    page.clock.fast_forward(700_000)
    page.clock.run_for(130_000)
    assert [url for url in sent if url.endswith("/claims")] == []
    assert set(lease_ends()) == {False}


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


def test_an_answer_that_meets_a_failing_network_is_tried_again_and_recorded_once(
    page: Page, live: tuple[Database, Made]
) -> None:
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
    page.clock.install()
    page.reload()
    card(page).wait_for()
    page.route(POSTS, lambda route: route.abort())
    page.keyboard.press("q")
    page.keyboard.press("e")
    for _ in range(300):  # the pauses between attempts are a minute, and an attempt takes time of its own
        page.clock.run_for(1000)
        if "Trying again" not in (page.locator("#messages").text_content() or "Trying again"):
            break
    expect(page.locator("#messages")).to_contain_text("2 answers were not saved; their cards are shown again")
    expect_shown(page, made.ranked[0])
    page.unroute(POSTS)
    page.keyboard.press("q")
    expect_shown(page, made.ranked[1])
    settle(page)
    assert set(states(live)) == {made.ranked[0]}


def test_a_refused_answer_brings_its_card_back_with_the_reason(
    page: Page, live: tuple[Database, Made]
) -> None:
    _, made = live
    page.evaluate("document.querySelector('.card:not([hidden]) [value=keep]').value = 'burn'")
    page.locator(".card:not([hidden]) [value=burn]").click()
    expect(page.locator("#messages")).to_contain_text("is no verdict")
    expect_shown(page, made.ranked[0])


def test_an_ended_session_keeps_the_answers_until_one_signs_in_again(
    page: Page, live: tuple[Database, Made]
) -> None:
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
    make_run(database, made.dataset_id, made.version_id, wrong=10, seed=1)
    page.keyboard.press("q")
    expect(page.locator("#news")).to_have_text("New order: Model 2 is ready.")
    expect_shown(page, made.ranked[1])


def test_a_better_ranking_of_the_same_run_replaces_the_cards_that_wait(
    page: Page, live: tuple[Database, Made]
) -> None:
    database, made = live
    held = page.locator(".card").evaluate_all("cards => cards.map((card) => Number(card.dataset.sample))")
    assert held == list(made.ranked[:6])
    rerank(database, made, gone=held[2:4])
    page.keyboard.press("q")
    expect(page.locator("#news")).to_contain_text("New order: Model 1 has learnt more.")
    expect_shown(page, held[1])  # the card that I look at stays
    page.keyboard.press("q")
    settle(page)
    waiting = page.locator(".card").evaluate_all("cards => cards.map((card) => Number(card.dataset.sample))")
    assert not set(held[2:4]) & set(waiting)
    assert held[4] in waiting
    expect(card(page).locator(".reason")).to_contain_text("Rank 15 of 24")  # what was rank 10


def test_an_order_that_is_learnt_replaces_the_cards_that_wait_without_a_word(
    page: Page, live: tuple[Database, Made]
) -> None:
    database, made = live
    first, last = made.ranked[0], made.ranked[9]
    expect_shown(page, first)
    with database.write() as session:
        publish_order(
            session,
            run_id=made.run_id,
            probabilities={sample: float(sample == last) for sample in made.ranked},
            decision_id=0,
            answers=20,
            wrong=10.0,
            model={},
            facts={"epochs": 1},
        )
    page.keyboard.press("q")
    expect(page.locator("#review")).to_have_attribute("data-ranking", f"{made.run_id}.1.1")
    expect_shown(page, made.ranked[1])  # the card that was shown when the order came
    page.keyboard.press("q")
    expect_shown(page, last)
    expect(page.locator("#messages")).to_be_empty()
    expect(page.locator("#news")).to_be_hidden()


@pytest.mark.parametrize("width", [1280, 390])
def test_a_new_ranking_and_an_answer_are_told_beside_what_is_needed(
    page: Page, live: tuple[Database, Made], width: int
) -> None:
    database, made = live
    page.set_viewport_size({"width": width, "height": 844})
    rerank(database, made, gone=[])
    page.keyboard.press("q")
    expect(page.locator("#news")).to_be_visible()
    shown = ".card:not([hidden])"
    needs = ("#status", ".order select", f"{shown} .frame", f"{shown} .decide")
    for line, needed in product(("#news", ".toast"), needs):
        said, box = page.locator(line).bounding_box(), page.locator(needed).bounding_box()
        assert said, line
        assert box, needed
        beside = said["x"] + said["width"] <= box["x"] or box["x"] + box["width"] <= said["x"]
        above = said["y"] + said["height"] <= box["y"]
        assert beside or above or box["y"] + box["height"] <= said["y"], (line, needed)
