"""Whose account it is that somebody gets who signs in at a provider."""

import re

import pytest
from fastapi import Request
from fastapi.testclient import TestClient

from app.accounts.activity import Act
from app.accounts.identities import issuers_of, link
from app.accounts.links import invite
from app.accounts.models import User
from app.accounts.openid import Identity
from app.accounts.users import add_user, change_user, get_user, set_password
from app.db.engine import Database
from app.main import create_app
from app.settings import Settings
from app.web.pages.accounts import openid
from tests.conftest import PASSWORD
from tests.openid_provider import Running
from tests.web.asking import sure
from tests.web.html import flat, words_of
from tests.web.openid import Open, at_provider, people_there, signed_in, there_and_back, told

ONE_DATABASE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_an_account_that_is_there_is_not_taken_over_by_its_name_or_address(
    browser: Open, provider: Running, database: Database
) -> None:
    for sub, claims, becomes in (
        ("1", {"preferred_username": "ada"}, "ada-2"),
        ("2", {"preferred_username": "ADA"}, "ADA-3"),
        ("3", {"preferred_username": "", "email": "ann@example.org"}, "ann@example.org"),
        ("4", {"preferred_username": "Zoë Žižek <x>"}, "Zo-i-ek-x"),
        ("ada", {}, "named-elsewhere"),  # what the ID token does not say is asked separately
    ):
        provider.lets_in(sub, **claims)
        client = browser()
        client.get(there_and_back(client))
        assert signed_in(client) == becomes
        with database.read() as session:
            user = get_user(session, name=becomes)
            assert (user.role, user.has_password, user.is_invited) == ("annotator", False, False)
            assert issuers_of(session, user_id=get_user(session, name="ada").id) == {}


def test_who_is_deactivated_stays_out(browser: Open, provider: Running, database: Database) -> None:
    provider.lets_in("sub-carol", preferred_username="carol")
    client = browser()
    client.get(there_and_back(client))
    with database.write() as session:
        change_user(session, name="carol", active=False)
    assert signed_in(client) == ""
    answer = client.get(there_and_back(client))
    assert (answer.status_code, signed_in(client)) == (403, "")
    assert "carol is deactivated" in answer.text
    assert told(database)[0][:2] == ("sign-in: failed", "unknown name")


@ONE_DATABASE
def test_only_who_was_invited_gets_in_where_the_settings_say_so(
    browser: Open, provider: Running, database: Database, settings: Settings
) -> None:
    provider.lets_in("sub-carol", preferred_username="carol")
    stranger = browser(oidc_role="none")
    answer = stranger.get(there_and_back(stranger))
    assert (answer.status_code, people_there(database)) == (403, ["ada", "ann", "bob"])
    assert "ask an admin for an invitation" in answer.text
    with database.write() as session:
        secret = invite(session, name="c.smith", role="reviewer", key=settings.secret())
    invited = browser(oidc_role="none")
    page = invited.post("/choose-password", data={"link": secret})
    assert "Sign in with Example ID instead" in flat(page.text)
    there = invited.post("/login/openid/invited", data={"link": secret})
    address = re.findall(r'href="([^"]+/authorize[^"]+)"', there.text)[0].replace("&amp;", "&")
    assert invited.get(at_provider(address)).status_code == 303
    assert signed_in(invited) == "c.smith"
    with database.read() as session:
        user = get_user(session, name="c.smith")
        assert (user.role, user.is_invited, user.has_password) == ("reviewer", False, False)
    assert told(database)[1] == ("people: joined by single sign-on", "c.smith", "Example ID, invited")
    assert invited.post("/login/openid/invited", data={"link": secret}).status_code == 401  # used
    later = browser(oidc_role="none")
    later.get(there_and_back(later))
    assert signed_in(later) == "c.smith"


@ONE_DATABASE
def test_somebody_links_their_account_with_their_password_and_ends_the_link(
    browser: Open, provider: Running, database: Database
) -> None:
    provider.lets_in("sub-ann", preferred_username="somebody")
    ann = browser()
    ann.post("/login", data={"name": "ann", "password": PASSWORD})
    assert ann.post("/account/openid", data={"old": "wrong horse"}).status_code == 422
    there = ann.post("/account/openid", data={"old": PASSWORD})
    address = re.findall(r'href="([^"]+/authorize[^"]+)"', there.text)[0].replace("&amp;", "&")
    back = at_provider(address)
    bob = browser()
    bob.post("/login", data={"name": "bob", "password": PASSWORD})
    assert bob.get(back).status_code == 401  # what ann began, bob cannot end
    assert ann.get(back).headers["location"] == "/account"
    assert "You can sign in with Example ID." in flat(ann.get("/account").text)
    assert told(database)[0] == ("account: single sign-on linked", "ann", "Example ID")
    elsewhere = browser()
    elsewhere.get(there_and_back(elsewhere))
    assert signed_in(elsewhere) == "ann"
    ada = browser()
    ada.post("/login", data={"name": "ada", "password": PASSWORD})
    rows = re.findall(
        r'class="name">\s*(\w+).*?class="hint">signs in with ([^<]*)<', ada.get("/people").text, re.DOTALL
    )
    assert rows == [("ada", "password"), ("ann", "password or Example ID"), ("bob", "password")]
    there = ada.post("/account/openid", data={"old": PASSWORD})
    address = re.findall(r'href="([^"]+/authorize[^"]+)"', there.text)[0].replace("&amp;", "&")
    ada.get(at_provider(address))
    assert "belongs to somebody else here" in flat(ada.get("/account").text)
    assert ann.post("/account/openid/unlink").status_code == 303
    elsewhere.post("/logout")
    elsewhere.get(there_and_back(elsewhere))
    assert signed_in(elsewhere) == "somebody"
    assert elsewhere.post("/account/openid/unlink").status_code == 409  # they have no password


@ONE_DATABASE
def test_an_admin_who_resets_a_password_is_told_of_the_link_and_ends_it(
    browser: Open, provider: Running, database: Database
) -> None:
    with database.write() as session:
        found = Identity(provider.issuer, "sub-mallory", "mallory")
        link(session, user=get_user(session, name="ann"), identity=found)
    ada = browser()
    ada.post("/login", data={"name": "ada", "password": PASSWORD})
    assert "Their link to" not in ada.post("/people/bob/link").text
    page = ada.post("/people/ann/link").text
    assert "Their link to Example ID stays. If it is not theirs, end it under" in words_of(page)
    assert re.findall(r'action="(/people/\w+/unlink)"', page) == ["/people/ann/unlink"]
    assert "cannot sign in with Example ID any more" in words_of(ada.post("/people/ann/unlink").text)
    assert sure(ada, "/people/ann/unlink").status_code == 303
    assert told(database)[0] == ("account: single sign-on unlinked", "ada", "ann")
    assert "/unlink" not in ada.get("/people").text
    provider.lets_in("sub-mallory", preferred_username="mallory")
    later = browser()
    later.get(there_and_back(later))
    assert signed_in(later) == "mallory"


@ONE_DATABASE
def test_no_account_is_linked_when_a_new_password_comes_first(
    browser: Open, provider: Running, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.lets_in("sub-mallory")
    ann = browser()
    ann.post("/login", data={"name": "ann", "password": PASSWORD})
    there = ann.post("/account/openid", data={"old": PASSWORD})
    address = re.findall(r'href="([^"]+/authorize[^"]+)"', there.text)[0].replace("&amp;", "&")
    back = at_provider(address)
    act = openid._act

    def late(request: Request, kind: str, person: str, about: str) -> Act:
        if kind == "account: single sign-on linked":  # who asks is known, and nothing is linked yet
            with database.write() as session:
                set_password(session, user=get_user(session, name="ann"), password_hash="another")  # noqa: S106
        return act(request, kind, person, about)

    monkeypatch.setattr(openid, "_act", late)
    ann.get(back)
    with database.read() as session:
        assert issuers_of(session) == {}


@ONE_DATABASE
def test_nobody_comes_in_before_the_first_admin(
    settings: Settings, database: Database, provider: Running
) -> None:
    app = create_app(settings.model_copy(update=provider.settings()), database)
    client = TestClient(app, follow_redirects=False)
    assert client.get("/login/openid").headers["location"] == "/first-admin"
    with database.write() as session:
        user = add_user(session, name="ada", role="admin", password_hash="x")  # noqa: S106
    back = there_and_back(client)
    with database.write() as session:
        session.delete(session.get_one(User, user.id))
    answer = client.get(back)
    assert (answer.status_code, people_there(database)) == (403, [])
