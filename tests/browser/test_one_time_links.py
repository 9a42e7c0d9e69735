"""A one-time link in a browser: opened and sent by itself, and pasted where no script runs."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, expect

from app.accounts.links import PAGE
from tests.servers import Server


@pytest.fixture
def invite(server: Server) -> Callable[[str], str]:
    def make(name: str) -> str:
        return server.command("user", "invite", name, "--address", server.url).stdout.strip().splitlines()[-1]

    return make


def test_who_opens_a_link_needs_only_a_password_and_the_secret_leaves_the_address(
    browser: Browser, server: Server, invite: Callable[[str], str]
) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 800})
    page, asked = context.new_page(), []
    page.on("request", lambda sent: asked.append((sent.url, sent.headers.get("referer", ""))))
    link = invite("olga")
    secret = link.rpartition("#")[2]
    page.goto(link)
    expect(page.get_by_role("heading", name="Welcome, olga")).to_be_visible()
    assert page.url == f"{server.url}{PAGE}"
    page.get_by_label("New password").fill("battery staple")
    page.get_by_role("button", name="Set the password").click()
    page.wait_for_url(f"{server.url}/")
    expect(page.get_by_text("Welcome, olga")).to_be_visible()
    assert len(asked) > 3
    # The browser's own list has the address with its fragment, which is not sent.
    assert secret not in str([(url.partition("#")[0], referer) for url, referer in asked])
    context.close()


def test_without_javascript_the_link_is_pasted(
    browser: Browser, server: Server, invite: Callable[[str], str]
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    link = invite("pia")
    page.goto(link)
    page.get_by_label("Your link").fill(link)
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("New password").fill("battery staple")
    page.get_by_role("button", name="Set the password").click()
    expect(page).to_have_url(re.compile(rf"^{re.escape(server.url)}/$"))
    context.close()
