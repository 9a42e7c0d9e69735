"""What a person sees: whole labels, nothing in a blind look, plain backgrounds, answers near the thumb."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select, update

from app.datasets.models import LabelClass, Sample
from app.db.engine import Database
from app.ranking.models import Prediction
from app.web.deps import SESSION_COOKIE
from tests.browser.deck import card, settle, states
from tests.factories import Made
from tests.servers import Server

NAMES = ("ow", "surprise and also contempt", "Schadenfreude-über-alle-Maßen-hinaus")
CUT = """() => [...document.querySelectorAll(
    "button, .button, .name, dd, .tray span, .tile b, .answers b, select")]
  .filter((e) => e.checkVisibility() && e.scrollWidth > e.clientWidth + 1
    && getComputedStyle(e).overflow !== "visible"
    || e.checkVisibility() && e.matches("button, .button") && e.scrollWidth > e.clientWidth + 1)
  .map((e) => e.textContent.trim())"""
WIDER_THAN_THE_PAGE = "() => document.documentElement.scrollWidth > innerWidth"
PLACES = """card => [...card.querySelectorAll("button, a, figcaption .num")]
  .filter((e) => e.checkVisibility({visibilityProperty: true}))
  .map((e) => [e.getBoundingClientRect(), getComputedStyle(e)])
  .map(([{x, y, width, height}, style]) =>
    [x, y, width, height, style.color, style.backgroundColor, style.borderColor].join())"""


def long_names(live: tuple[Database, Made]) -> None:
    database, made = live
    with database.write() as session:
        for position, name in enumerate(NAMES):
            session.execute(
                update(LabelClass)
                .where(LabelClass.dataset_id == made.dataset_id, LabelClass.position == position)
                .values(name=name)
            )


@pytest.fixture
def phone(browser: Browser, server: Server, session: str, live: tuple[Database, Made]) -> Iterator[Page]:
    """Ann's review on a phone: a small screen, fingers, no pointer that hovers."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    context.add_cookies([{"name": SESSION_COOKIE, "value": session, "url": server.url}])
    opened = context.new_page()
    opened.goto(f"{server.url}/d/{live[1].name}/review")
    expect(card(opened)).to_have_count(1)
    yield opened
    context.close()


@pytest.mark.parametrize("width", [390, 800, 1280])
def test_no_label_of_a_card_is_cut_off(page: Page, live: tuple[Database, Made], width: int) -> None:
    long_names(live)
    page.set_viewport_size({"width": width, "height": 800})
    page.reload()
    for _ in range(6):
        assert page.evaluate(CUT) == []
        assert not page.evaluate(WIDER_THAN_THE_PAGE)
        page.keyboard.press("w")
    settle(page)
    assert page.evaluate(CUT) == []  # nor of the last decisions
    page.goto(f"{page.url.split('/review')[0]}/images/{live[1].ranked[7]}")
    assert page.evaluate(CUT) == []


@pytest.mark.parametrize("width", [390, 1280])
def test_no_label_is_cut_off_where_duplicates_and_many_images_are_judged(
    page: Page, live: tuple[Database, Made], width: int
) -> None:
    database, made = live
    long_names(live)
    with database.write() as session:
        twins = (made.sample_ids[0], made.sample_ids[6])
        session.execute(update(Sample).where(Sample.id.in_(twins)).values(lookalikes=twins[0]))
    page.set_viewport_size({"width": width, "height": 800})
    home = page.url.split("/review")[0]
    for place in ("images/duplicates", "images"):
        page.goto(f"{home}/{place}")
        if place == "images":
            page.locator(".tile label").first.click()  # the bar of verdicts comes with the first mark
            expect(page.get_by_label("Class to relabel to")).to_be_visible()
        else:
            expect(page.locator("button", has_text=NAMES[1]).first).to_be_visible()
        assert page.evaluate(CUT) == [], place
        assert not page.evaluate(WIDER_THAN_THE_PAGE), place


@pytest.mark.parametrize("width", [390, 800, 1000, 1280])
def test_a_filtered_grid_with_all_its_buttons_is_no_wider_than_the_page(
    page: Page, live: tuple[Database, Made], width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{page.url.split('/review')[0]}/images?duplicates=true&min_kb=1")
    expect(page.get_by_role("link", name="Side by side")).to_be_visible()
    assert not page.evaluate(WIDER_THAN_THE_PAGE)


def test_a_blind_look_is_the_same_whatever_the_label_and_the_model_say(
    page: Page, live: tuple[Database, Made]
) -> None:
    database, made = live
    long_names(live)
    with database.read() as session:
        found = select(Prediction.sample_id).where(Prediction.predicted_label == Prediction.label)
        agreed = session.scalars(found.where(Prediction.sample_id.in_(made.sample_ids))).first()
    url = page.url.split("?")[0]
    seen: dict[tuple[str, ...], int] = {}
    words: set[str] = set()
    for sample_id in (*made.ranked[:8], agreed):
        page.goto(f"{url}?card={sample_id}")
        expect(card(page)).to_have_attribute("data-sample", str(sample_id))
        page.keyboard.down("b")
        seen.setdefault(tuple(card(page).evaluate(PLACES)), int(sample_id or 0))
        words.add(re.sub(r"train|valid", "", card(page).inner_text()))
        for attribute in ("title", "aria-label", "alt", "aria-description"):
            for element in card(page).locator(f"[{attribute}]").all():
                said = str(element.get_attribute(attribute))
                assert not any(name in said for name in (*NAMES, "cat", "dog", "owl")), said
        page.keyboard.up("b")
    assert len(seen) == 1
    assert len(words) == 1


def test_a_path_in_right_to_left_script_keeps_the_order_of_its_folders(
    page: Page, live: tuple[Database, Made]
) -> None:
    database, made = live
    with database.write() as session:
        path = "\u0645\u0631\u062d\u0628\u0627/0.png"
        session.execute(update(Sample).where(Sample.id == made.ranked[0]).values(path=path))
    page.goto(f"{page.url}?card={made.ranked[0]}")
    left, right = page.evaluate("""() => {
      const text = document.querySelector(".card:not([hidden]) .path bdi").firstChild;
      const at = (from, to) => {
        const range = new Range();
        range.setStart(text, from);
        range.setEnd(text, to);
        return range.getBoundingClientRect().x;
      };
      return [at(0, 5), at(text.length - 4, text.length)];
    }""")
    assert left < right  # the folder before the end of the name


def test_a_card_that_comes_while_one_looks_blind_is_not_said_aloud(page: Page) -> None:
    page.keyboard.down("b")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#announce")).to_have_text("The next image")
    page.keyboard.up("b")


def test_on_a_phone_every_answer_and_undo_are_in_sight_and_answer(
    phone: Page, live: tuple[Database, Made]
) -> None:
    long_names(live)
    phone.reload()
    height = phone.evaluate("innerHeight")
    for name in ("Keep", "Accept", "Delete", "Unsure", "Skip", "Undo"):
        box = (
            card(phone)
            .locator(".decide")
            .get_by_text(name, exact=name not in ("Keep", "Accept"))
            .bounding_box()
        )
        assert box is not None
        assert box["y"] + box["height"] <= height, name
    first = card(phone).get_attribute("data-sample")
    card(phone).get_by_role("button", name="Delete").tap()
    expect(card(phone)).not_to_have_attribute("data-sample", str(first))
    card(phone).get_by_role("button", name="Undo").tap()
    expect(card(phone)).to_have_attribute("data-sample", str(first))
    settle(phone)
    assert states(live) == {}


def test_on_a_phone_on_its_side_image_and_answers_are_in_sight(phone: Page) -> None:
    phone.set_viewport_size({"width": 844, "height": 390})
    shown = [card(phone).locator(".stage img"), *card(phone).locator(".decide :is(button, .button)").all()]
    assert len(shown) == 8
    for each in shown:
        box = each.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 390
        assert box["x"] + box["width"] <= 844
        assert each.evaluate("e => e.scrollWidth <= e.clientWidth + 1")


def test_nothing_stays_hovered_on_a_screen_without_a_pointer_that_hovers(phone: Page) -> None:
    """A touch screen keeps the last tapped element hovered, so every hover rule requires a pointer."""
    rules = phone.evaluate("""() => {
      const found = [];
      const walk = (rules, media) => { for (const rule of rules) {
        if (rule.selectorText?.includes(":hover")) found.push([rule.selectorText, media]);
        if (rule.cssRules) walk(rule.cssRules, rule.media?.mediaText ?? media);
      } };
      for (const sheet of document.styleSheets) walk(sheet.cssRules, "");
      return found;
    }""")
    assert len(rules) > 5
    assert [selector for selector, media in rules if media != "(hover: hover)"] == []
    button = card(phone).get_by_role("button", name="Unsure")
    colour = "e => getComputedStyle(e).backgroundColor"
    before = button.evaluate(colour)
    button.tap()
    settle(phone)
    assert card(phone).get_by_role("button", name="Unsure").evaluate(colour) == before


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_sheet_has_the_same_ground_and_a_table_on_it_fades_into_what_it_lies_on(
    page: Page, scheme: str, live: tuple[Database, Made]
) -> None:
    page.emulate_media(color_scheme=scheme)
    home = page.url.split("/review")[0]
    sheets = """() => [...document.querySelectorAll(".sheet:not(.note)")]
      .map((e) => getComputedStyle(e).backgroundColor)"""
    covers = """() => [...document.querySelectorAll(".scroll:not(.formats *)")].map((e) => {
      let below = e;
      while (getComputedStyle(below).backgroundColor === "rgba(0, 0, 0, 0)" && below.parentElement)
        below = below.parentElement;
      const gradient = getComputedStyle(e).backgroundImage.split("linear-gradient(to right, ")[1];
      return gradient.startsWith(getComputedStyle(below).backgroundColor);
    })"""
    found: set[str] = set()
    for path in (
        "/",
        home,
        f"{home}/models",
        f"{home}/models/{live[1].run_id}",
        f"{home}/export",
        f"{home}/results/history",
    ):
        page.goto(path if path.startswith("http") else page.url.split("/d/")[0] + path)
        found.update(page.evaluate(sheets))
        assert all(page.evaluate(covers)), path
    assert len(found) == 1
    assert found != {"rgba(0, 0, 0, 0)"}


def test_the_list_of_data_sets_fits_on_a_phone(phone: Page, server: Server) -> None:
    phone.goto(server.url)
    box = phone.get_by_role("link", name="Review").first.bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= 390
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390


def test_on_a_phone_the_bar_of_answers_covers_nothing_that_has_the_focus(phone: Page) -> None:
    covered = """() => {
      const { x, y, width, height } = document.activeElement.getBoundingClientRect();
      return !document.activeElement.contains(document.elementFromPoint(x + width / 2, y + height / 2));
    }"""
    phone.set_viewport_size({"width": 390, "height": 560})
    classes = card(phone).locator(".classes button")
    card(phone).get_by_role("button", name="Delete").focus()
    for _ in range(30):
        phone.keyboard.press("Tab")
        if classes.last.evaluate("e => e === document.activeElement"):
            break
        if phone.evaluate("() => document.activeElement.matches('.classes button')"):
            assert not phone.evaluate(covered)
    expect(classes.last).to_be_focused()
    assert not phone.evaluate(covered)
