"""The review in a real Chromium: keys, buttons, what is shown."""

import re
import unicodedata

from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select, update

from app.accounts.models import User
from app.datasets.models import LabelClass
from app.db.engine import Database
from app.remaining.audits import start_audit
from tests.browser.deck import card, expect_shown, settle, states
from tests.conftest import PASSWORD
from tests.factories import Made
from tests.servers import Server


def test_every_key_gives_its_answer(page: Page, live: tuple[Database, Made]) -> None:
    _, made = live
    keys = {
        "q": "keep",
        "a": "keep",
        "w": "relabel",
        "e": "delete",
        "x": "delete",
        "n": "unsure",
        "f": "unsure",
    }
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


def test_undo_goes_back_card_by_card_and_further_than_the_page(
    page: Page, live: tuple[Database, Made]
) -> None:
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
    expect(page.locator("#messages .note")).to_have_count(0)  # it said that an answer is undone
    page.keyboard.press("Shift+Z")  # nothing is left
    settle(page)
    assert states(live) == before


def test_an_undo_on_an_opened_card_says_what_is_undone_and_the_address_follows(
    page: Page, live: tuple[Database, Made]
) -> None:
    _, made = live
    first, second = made.ranked[:2]
    page.keyboard.press("e")
    page.keyboard.press("q")
    settle(page)
    page.goto(f"{page.url}?card={first}")
    expect_shown(page, first)
    page.keyboard.press("z")
    expect_shown(page, second)
    expect(page.locator("#messages")).to_contain_text("“kept as cat” for")
    expect(page).to_have_url(re.compile(rf"/review\?card={second}$"))
    page.keyboard.press("q")
    expect_shown(page, first)  # the opened one is next
    settle(page)
    expect(page).to_have_url(re.compile(r"/review$"))
    assert {sample: verdict for sample, (verdict, _) in states(live).items()} == {
        first: "delete",
        second: "keep",
    }


def test_the_button_undo_on_an_opened_card_undoes_its_own_answer(
    page: Page, live: tuple[Database, Made]
) -> None:
    _, made = live
    first, second = made.ranked[:2]
    page.keyboard.press("e")
    page.keyboard.press("q")
    settle(page)
    page.goto(f"{page.url}?card={first}")
    expect(card(page)).to_contain_text("Standing answer")
    left = page.locator("#status div", has_text="left").locator("dd")
    before = int(left.inner_text())
    expect(page.locator(".tabs [aria-current] .count")).to_have_text(str(before))
    card(page).locator(".lesser button", has_text="Undo").click()
    settle(page)
    expect_shown(page, first)
    assert [*states(live)] == [second]
    expect(left).to_have_text(str(before + 1))
    expect(page.locator(".tabs [aria-current] .count")).to_have_text(str(before + 1))


def test_a_key_undoes_the_answer_of_the_opened_card(page: Page, live: tuple[Database, Made]) -> None:
    _, made = live
    first, second = made.ranked[:2]
    page.keyboard.press("e")
    page.keyboard.press("q")
    settle(page)
    page.goto(f"{page.url}?card={first}")
    expect(card(page)).to_contain_text("Undo this answer")
    page.keyboard.press("u")
    settle(page)
    expect_shown(page, first)
    expect(card(page)).not_to_contain_text("Standing answer")
    expect(page.locator("#messages")).to_contain_text("“deleted” for")
    assert [*states(live)] == [second]
    page.keyboard.press("u")  # nothing of this image is left
    settle(page)
    assert [*states(live)] == [second]
    page.keyboard.press("Shift+Z")
    settle(page)
    assert {sample: verdict for sample, (verdict, _) in states(live).items()} == {
        first: "delete",
        second: "keep",
    }


def test_a_class_is_found_by_typing(page: Page, live: tuple[Database, Made]) -> None:
    _, made = live
    page.keyboard.press("/")
    expect(page.get_by_role("combobox", name="Class")).to_be_focused()
    expect(page.locator("#find-list").get_by_role("option")).to_have_count(3)
    page.keyboard.type("O")
    expect(page.locator("#find-list").get_by_role("option")).to_have_text(
        ["owl", "dog"]
    )  # those that begin with it come first
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#find-list").get_by_role("option", selected=True)).to_have_text("owl")
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


def test_enter_without_a_word_of_a_class_chooses_none(page: Page, live: tuple[Database, Made]) -> None:
    _, made = live
    page.keyboard.press("/")
    expect(page.get_by_role("combobox", name="Class")).to_be_focused()
    expect(page.locator("#find-list").get_by_role("option")).to_have_count(3)
    page.keyboard.press("Enter")
    expect(page.locator("#find-list").get_by_role("option", selected=True)).to_have_count(0)
    page.keyboard.press("ArrowUp")
    expect(page.locator("#find-list").get_by_role("option", selected=True)).to_have_text("owl")
    page.keyboard.press("Escape")
    page.keyboard.press("q")
    expect_shown(page, made.ranked[1])
    settle(page)
    assert states(live) == {made.ranked[0]: ("keep", 0)}


def test_an_admin_adds_a_class_that_is_not_there_and_chooses_it(
    page: Page, live: tuple[Database, Made]
) -> None:
    database, made = live
    with database.write() as session:
        session.execute(update(User).values(role="admin"))
    page.reload()
    expect_shown(page, made.ranked[0])
    page.keyboard.press("/")
    page.keyboard.type("emu")
    offer = page.locator("#find-list").get_by_role("option", selected=True)
    expect(offer).to_have_text("Add the class “emu” and choose it")
    page.keyboard.press("Enter")
    expect_shown(page, made.ranked[1])
    settle(page)
    assert states(live)[made.ranked[0]] == ("relabel", 3)
    with database.read() as session:
        assert session.get_one(LabelClass, (made.dataset_id, 3)).name == "emu"


def test_a_class_is_found_however_it_is_typed(page: Page, live: tuple[Database, Made]) -> None:
    database, made = live
    with database.write() as session:
        session.execute(
            update(LabelClass)
            .where(LabelClass.dataset_id == made.dataset_id, LabelClass.name == "owl")
            .values(name=unicodedata.normalize("NFD", "Größe  Eule"))
        )
    page.reload()
    for typed in (
        unicodedata.normalize("NFC", "größe eule"),
        "GRÖSSE",
        "eule ",
        "\u202aEule\u202c",
        "ｅｕｌｅ",
    ):
        page.keyboard.press("/")
        expect(page.get_by_role("combobox", name="Class")).to_be_focused()
        page.keyboard.insert_text(typed)
        expect(page.locator("#find-list").get_by_role("option")).to_have_count(1)
        page.keyboard.press("Escape")
        expect(page.get_by_role("combobox", name="Class")).to_be_hidden()


def test_zoom_and_position_stay_from_card_to_card(page: Page) -> None:
    def place() -> dict[str, float]:
        return (
            card(page)
            .locator("img")
            .evaluate("image => (({x, y, width}) => ({x, y, width}))(image.getBoundingClientRect())")
        )

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


def test_space_skips_and_the_card_comes_again_at_the_end(page: Page, live: tuple[Database, Made]) -> None:
    _, made = live
    page.keyboard.press(" ")
    expect_shown(page, made.ranked[1])
    for _ in range(9):
        page.keyboard.press("q")
        settle(page)
    expect_shown(page, made.ranked[0])
    page.keyboard.press("q")
    expect(page.locator("#rest")).to_contain_text("Every suspicious label is reviewed")
    assert len(states(live)) == 10


def test_skipping_everything_loads_more_cards(page: Page, live: tuple[Database, Made]) -> None:
    _, made = live
    for place in range(8):
        expect_shown(page, made.ranked[place])
        page.keyboard.press(" ")
        settle(page)


def test_arrows_look_without_deciding(page: Page, live: tuple[Database, Made]) -> None:
    _, made = live
    for key, place in (
        ("ArrowRight", 1),
        ("ArrowRight", 2),
        ("ArrowLeft", 1),
        ("ArrowLeft", 0),
        ("ArrowLeft", 0),
    ):
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
    page.keyboard.press("q")  # has been heard when this returns
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
    for keys in (
        "Control+a",
        "Control+c",
        "Control+f",
        "Alt+q",
        "Shift+z",
        "Control+/",
        "Control+-",
        "Control++",
    ):
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
        places = [
            page.locator(f".card:not([hidden]) {part}").bounding_box()
            for part in (".stage img", ".verdicts", ".classes", ".lesser")
        ]
        boxes.append(places)
        page.keyboard.press("q")
        settle(page)
    assert boxes[0] == boxes[1] == boxes[2]


def test_the_last_decisions_are_small_pictures_that_open_again(
    page: Page, live: tuple[Database, Made]
) -> None:
    _, made = live
    page.keyboard.press("e")
    settle(page)
    page.locator("#tray a").first.click()
    expect_shown(page, made.ranked[0])
    expect(card(page)).to_contain_text("Standing answer: delete")


def test_without_javascript_every_step_works(
    browser: Browser, server: Server, live: tuple[Database, Made]
) -> None:
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
    page.get_by_role("link", name="Skip", exact=True).click()
    expect_shown(page, made.ranked[2])
    page.get_by_role("button", name="Undo").click()
    expect_shown(page, made.ranked[0])
    context.close()
    assert states(live) == {}


def test_a_notice_of_the_audit_comes_without_beginning_the_look_anew(
    page: Page, live: tuple[Database, Made]
) -> None:
    database, made = live
    with database.write() as session:
        user = session.scalars(select(User).where(User.name == "ann")).one()
        start_audit(session, dataset_id=made.dataset_id, user_id=user.id, size=20)
    page.goto(page.url + "?order=random")
    expect(page.locator("#notice")).to_have_text("Random look: 0 of 20")
    expect(card(page)).to_have_count(1)
    client_id = card(page).locator("[name=client_id]").input_value()
    with page.expect_response(re.compile("/notice")):
        page.evaluate("document.dispatchEvent(new Event('merged'))")
    assert card(page).locator("[name=client_id]").input_value() == client_id
    page.keyboard.press("e")
    expect(page.locator("#notice")).to_have_text("Random look: 1 of 20")


def test_the_verdicts_are_alike_in_width_and_on_the_screen_when_the_model_agrees(page: Page) -> None:
    page.goto(page.url.split("?")[0] + "?order=random")
    disabled = card(page).locator(".verdicts button:disabled")
    expect(card(page)).to_have_count(1)
    for _ in range(24):
        if disabled.count():
            break
        page.keyboard.press("n")
        settle(page)
    expect(disabled).to_have_text("W Accept – the model agrees")
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 844})
        keep, accept, delete, unsure = (
            card(page)
            .locator(".verdicts button")
            .evaluate_all("all => all.map((each) => each.getBoundingClientRect().toJSON())")
        )
        buttons = (keep, accept, delete, unsure)
        widths = [round(button["width"]) for button in buttons]
        assert widths[0] == widths[1] > widths[2] == widths[3]
        assert max(button["right"] for button in buttons) <= width


def test_the_count_in_the_tab_follows_the_answers(page: Page) -> None:
    count = page.locator(".tabs [aria-current] .count")
    expect(count).to_have_text("10")
    page.keyboard.press("q")
    expect(count).to_have_text("9")
    page.keyboard.press("z")
    expect(count).to_have_text("10")
    for _ in range(10):
        page.keyboard.press("q")
        settle(page)
    expect(count).to_have_count(0)  # as on every page where nothing is left
