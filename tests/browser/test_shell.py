"""What surrounds every page, in a browser: menus, the palette, keys, themes, toasts and running jobs."""

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import update

from app.db.engine import Database
from app.jobs.models import Job
from app.jobs.requests import ask, finish, report, start
from app.web.deps import SESSION_COOKIE
from app.web.rendering import environment
from tests.browser.conftest import add_person, cookie_of
from tests.browser.deck import ready
from tests.factories import Made
from tests.servers import Server

AXE = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
    "resultTypes": ["violations"],
}
SHELL = "html.shell"  # its scripts have run


@pytest.fixture(scope="module")
def admin(server: Server) -> str:
    """An admin's log-in cookie."""
    add_person(server, "sven", role="admin")
    return cookie_of(server, "sven")


@pytest.fixture
def screen(browser: Browser, server: Server, admin: str) -> Iterator[Page]:
    """An admin's page; nothing may fail in its console."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, color_scheme="light")
    context.add_cookies([{"name": SESSION_COOKIE, "value": admin, "url": server.url}])
    opened, problems = context.new_page(), []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    yield opened
    context.close()
    assert problems == []


def open_page(screen: Page, server: Server, path: str) -> None:
    screen.goto(server.url + path)
    expect(screen.locator(SHELL)).to_have_count(1)


def test_the_palette_goes_to_a_page_and_gives_the_focus_back(
    screen: Page, server: Server, live: tuple[Database, Made]
) -> None:
    home = f"/d/{live[1].name}"
    open_page(screen, server, f"{home}/export")
    link = screen.locator(".tabs a").nth(1)
    link.focus()
    screen.keyboard.press("Control+k")
    dialog = screen.get_by_role("dialog", name="Go to")
    expect(dialog.get_by_role("option", name="Images: Duplicates")).to_be_visible()
    screen.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(link).to_be_focused()
    screen.keyboard.press("Control+k")
    screen.keyboard.type("dupl")
    expect(dialog.get_by_role("option", selected=True)).to_contain_text("Images: Duplicates")
    screen.keyboard.press("Enter")
    screen.wait_for_url(f"{server.url}{home}/images/duplicates")


def test_the_palette_finds_an_image_by_its_name_and_arrows_choose(
    screen: Page, server: Server, live: tuple[Database, Made]
) -> None:
    made = live[1]
    open_page(screen, server, f"/d/{made.name}")
    screen.keyboard.press("Control+k")
    screen.keyboard.type("owl/00")
    options = screen.locator("[role=option]")
    expect(options.nth(1)).to_contain_text("owl/00")
    screen.keyboard.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    name = (options.nth(1).inner_text()).split()[0]
    screen.keyboard.press("Enter")
    number = made.sample_ids[made.paths.index(name)]
    screen.wait_for_url(f"{server.url}/d/{made.name}/images/{number}")


def test_the_palette_chooses_a_theme_that_stays(screen: Page, server: Server) -> None:
    open_page(screen, server, "/account")
    ground = "() => getComputedStyle(document.body).backgroundColor"
    light = screen.evaluate(ground)
    screen.keyboard.press("Control+k")
    screen.keyboard.type("dark")
    expect(screen.locator("#palette-list [aria-selected=true]")).to_contain_text("Theme: dark")
    screen.keyboard.press("Enter")
    expect(screen.locator("meta[name=color-scheme]")).to_have_attribute("content", "dark")
    assert screen.evaluate(ground) != light
    screen.goto(f"{server.url}/people")
    assert screen.evaluate(ground) != light


def test_a_question_mark_lists_the_keys_unless_keys_are_off(screen: Page, server: Server) -> None:
    open_page(screen, server, "/account")
    screen.keyboard.press("?")
    keys = screen.locator("#keys")
    expect(keys).to_contain_text("Go to a page")
    keys.get_by_role("checkbox").uncheck()
    screen.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    screen.keyboard.press("?")
    screen.keyboard.press("Control+k")  # with Control it is no key of a single character: it stays
    expect(screen.get_by_role("dialog", name="Go to")).to_be_visible()
    expect(keys).to_be_hidden()


def test_the_review_keeps_its_own_list_of_keys_and_opens_the_palette(
    screen: Page, server: Server, live: tuple[Database, Made]
) -> None:
    screen.goto(f"{server.url}/d/{live[1].name}/review")
    ready(screen)
    screen.keyboard.press("?")
    expect(screen.locator("#keys")).to_contain_text("Keep the given label")
    screen.keyboard.press("?")
    expect(screen.locator("#keys")).to_be_hidden()
    screen.keyboard.press("Control+k")
    screen.keyboard.type("q")  # reaches the palette, not the card
    expect(screen.get_by_role("dialog", name="Go to")).to_be_visible()
    expect(screen.locator("body")).to_have_attribute("data-unsaved", "0")


def test_a_menu_closes_with_escape_and_with_a_click_elsewhere(
    screen: Page, server: Server, live: tuple[Database, Made]
) -> None:
    open_page(screen, server, f"/d/{live[1].name}")
    switcher, account = screen.locator(".switcher > summary"), screen.locator(".account > summary")
    switcher.click()
    expect(screen.locator(".switcher").get_by_role("link", name=live[1].name)).to_be_visible()
    screen.keyboard.press("Escape")
    expect(screen.locator("details.menu[open]")).to_have_count(0)
    expect(switcher).to_be_focused()
    switcher.click()
    account.click()
    expect(screen.locator("details.menu[open]")).to_have_count(1)
    screen.mouse.click(640, 600)
    expect(screen.locator("details.menu[open]")).to_have_count(0)


def test_without_scripts_menus_themes_and_the_palettes_page_work(
    browser: Browser, server: Server, admin: str, live: tuple[Database, Made]
) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    context.add_cookies([{"name": SESSION_COOKIE, "value": admin, "url": server.url}])
    page = context.new_page()
    page.goto(f"{server.url}/d/{live[1].name}")
    page.locator(".account > summary").click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("meta[name=color-scheme]")).to_have_attribute("content", "dark")
    assert page.url == f"{server.url}/d/{live[1].name}"
    page.get_by_role("link", name="Go to").click()
    page.get_by_label("A page, a model or an image").fill("duplic")
    page.get_by_role("button", name="Find").click()
    page.get_by_role("link", name="Images: Duplicates").click()
    expect(page.locator(".subs [aria-current]")).to_have_text("Duplicates")
    context.close()


def test_a_toast_says_what_was_saved_and_its_undo_undoes_it(
    screen: Page, server: Server, live: tuple[Database, Made]
) -> None:
    open_page(screen, server, f"/d/{live[1].name}/settings")
    field = screen.locator("main [name=annotators]")
    field.fill("3")
    screen.get_by_role("button", name="Save").click()
    toast = screen.locator("#toasts .toast")
    expect(toast).to_contain_text("Saved")
    box = toast.bounding_box()
    assert box is not None
    assert box["y"] > 600  # over the page, so that nothing moves
    toast.get_by_role("button", name="Undo").click()
    expect(field).to_have_value("1")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_link_in_a_toast_has_the_colour_of_its_words(screen: Page, server: Server, theme: str) -> None:
    screen.emulate_media(color_scheme=theme)
    open_page(screen, server, "/account")
    screen.evaluate(
        "detail => document.dispatchEvent(new CustomEvent('toast', { detail }))",
        {"words": "Ended", "href": "/jobs"},
    )
    link = screen.locator("#toasts .toast a")
    expect(link).to_have_text("Look")
    colours = link.evaluate("a => [a, a.parentElement].map((each) => getComputedStyle(each).color)")
    assert colours[0] == colours[1]


def test_an_explanation_that_is_closed_makes_no_page_wider(screen: Page, server: Server) -> None:
    open_page(screen, server, "/account")
    macro = environment().from_string(
        '{% from "_macros.html" import term %}{{ term("word", "One training that is long " * 6) }}'
    )
    screen.evaluate(
        "html => document.querySelector('main').insertAdjacentHTML('afterbegin', `<p>${html}</p>`)",
        macro.render(),
    )
    screen.locator(".term").evaluate(
        "term => Object.assign(term.parentElement.style, { maxWidth: 'none', textAlign: 'right' })"
    )
    assert not screen.evaluate("() => document.documentElement.scrollWidth > innerWidth")


def test_the_tab_that_is_open_is_in_view_on_a_phone(
    screen: Page, server: Server, live: tuple[Database, Made]
) -> None:
    screen.set_viewport_size({"width": 390, "height": 844})
    for path in ("", "/review", "/export", "/settings", "/results/team", "/images/problems"):
        open_page(screen, server, f"/d/{live[1].name}{path}")
        for row in screen.locator(".tabs, .subs").all():
            box = row.locator("[aria-current]").bounding_box()
            assert box is not None
            assert box["x"] >= 0, path
            assert box["x"] + box["width"] <= 390, path
        assert not screen.evaluate("() => document.documentElement.scrollWidth > innerWidth"), path


def run_job(database: Database, made: Made) -> str:
    """A training that is alone and has done 43 % of its work; the answer is its job."""
    with database.write() as session:
        session.execute(update(Job).values(state="finished"))
        arguments = {"run": made.run_id}
        job = ask(session, task="train", dataset_id=made.dataset_id, arguments=arguments, user_id=None)
        job_id = job.id
    with database.write() as session:
        start(session, job_id=job_id)
        report(session, job_id=job_id, stage="Training: epoch 3", done=43, total=100)
    return job_id


def test_a_page_that_saw_a_training_run_says_that_it_has_ended(
    screen: Page, server: Server, live: tuple[Database, Made]
) -> None:
    database, made = live
    job_id = run_job(database, made)
    open_page(screen, server, "/account")
    share = screen.locator(".jobs > summary")
    expect(share).to_have_text(re.compile(r"Training\s+[1-9]\d?\s%"))
    before = share.inner_text()
    with database.write() as session:
        report(session, job_id=job_id, stage="Training: epoch 3", done=95, total=100)
    expect(share).not_to_have_text(before, use_inner_text=True)
    expect(share).to_have_text(re.compile(r"Training\s+[1-9]\d?\s%"))
    with database.write() as session:
        finish(session, job_id=job_id, state="finished")
    expect(screen).to_have_title(re.compile(rf"^Training of {made.name}: finished · Account"))
    expect(screen.locator("#toasts")).to_contain_text("finished")
    expect(screen.locator(".jobs")).to_have_count(0)


def test_the_explanation_of_a_word_shows_by_hover_keyboard_and_touch_and_escape_closes_it(
    screen: Page, server: Server
) -> None:
    open_page(screen, server, "/account")
    macro = environment().from_string(
        '{% from "_macros.html" import term %}{{ term("run", "One training") }}'
    )
    screen.evaluate(
        "html => document.querySelector('main').insertAdjacentHTML('afterbegin', `<p>${html}</p>`)",
        macro.render(),
    )
    word, tip = screen.locator(".term"), screen.locator(".tip")
    expect(tip).to_be_hidden()
    word.hover()
    expect(tip).to_be_visible()
    screen.mouse.move(0, 700)
    expect(tip).to_be_hidden()
    word.focus()
    expect(tip).to_be_visible()
    screen.keyboard.press("Escape")
    expect(tip).to_be_hidden()
    screen.set_viewport_size({"width": 390, "height": 844})
    word.focus()
    box = tip.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390


def test_every_button_and_field_of_a_form_is_40_pixels_high(screen: Page, server: Server) -> None:
    open_page(screen, server, "/people")
    screen.locator(".people .menu > summary").first.click()
    heights = screen.evaluate(
        """() => [...document.querySelectorAll("button, .button, select, input:not([type=hidden])")]
          .filter((each) => each.checkVisibility()).map((each) => each.getBoundingClientRect().height)"""
    )
    assert len(heights) > 6
    assert {round(each) for each in heights} == {40}


NOTICES = """() => {
  window.shown = [];
  window.Notification = class {
    static permission = "default";
    static requestPermission = async () => (Notification.permission = "granted");
    constructor(words) { window.shown.push(words); }
  };
  Object.defineProperty(document, "hidden", { get: () => window.away === true });
}"""


def test_who_allowed_it_is_notified_of_a_trainings_end_in_another_tab(
    screen: Page, server: Server, live: tuple[Database, Made]
) -> None:
    database, made = live
    job_id = run_job(database, made)
    screen.add_init_script(f"({NOTICES})()")
    open_page(screen, server, "/account")
    screen.locator(".jobs > summary").click()
    offer = screen.get_by_role("button", name="Notify me when a job ends")
    offer.click()
    expect(screen.locator("#toasts")).to_contain_text("You are told when a job ends")
    expect(offer).to_be_hidden()
    screen.evaluate("window.away = true")
    with database.write() as session:
        finish(session, job_id=job_id, state="failed")
    expect(screen).to_have_title(re.compile(r"^Training of .*: failed · Account"))
    assert screen.evaluate("window.shown") == [f"Training of {made.name}: failed"]


def test_nobody_is_asked_for_notifications_that_a_browser_refuses(
    screen: Page, server: Server, live: tuple[Database, Made]
) -> None:
    run_job(*live)
    screen.add_init_script(f"({NOTICES})(); Notification.permission = 'denied';")
    open_page(screen, server, "/account")
    screen.locator(".jobs > summary").click()
    expect(screen.locator(".jobs")).to_contain_text(f"Training of {live[1].name}")
    expect(screen.get_by_role("button", name="Notify me when a job ends")).to_be_hidden()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_open_menus_the_palette_the_keys_and_a_toast(
    browser: Browser, server: Server, admin: str, live: tuple[Database, Made], theme: str
) -> None:
    run_job(*live)
    context = browser.new_context(color_scheme=theme, bypass_csp=True, reduced_motion="reduce")  # type: ignore[arg-type]
    context.add_cookies([{"name": SESSION_COOKIE, "value": admin, "url": server.url}])
    page = context.new_page()
    found = []

    def look(where: str) -> None:
        violations = Axe().run(page, options=AXE).response["violations"]
        found.extend((where, each["id"], each["nodes"][0]["html"][:200]) for each in violations)

    open_page(page, server, f"/d/{live[1].name}/settings")
    page.locator("main [name=annotators]").fill("2")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#toasts .toast")).to_be_visible()
    look("toast")
    for menu in (".switcher", ".account", ".jobs"):
        page.locator(f"{menu} > summary").click()
        look(menu)
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    look("keys")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("option", name="Images: Duplicates")).to_be_visible()
    look("palette")
    page.keyboard.press("Escape")
    page.goto(f"{server.url}/people")
    page.locator(".people .menu > summary").first.click()
    look("person")
    context.close()
    assert found == []
