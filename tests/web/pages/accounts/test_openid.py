"""Single sign-on, the whole way: a browser, this server, and a provider in a process of its own."""

import logging
import re
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest
from fastapi.testclient import TestClient

from app.db.engine import Database
from tests.conftest import PASSWORD, People
from tests.openid_provider import Running, running
from tests.ports import free_port
from tests.web.html import flat, words_of
from tests.web.openid import Open, people_there, signed_in, there_and_back, told

ONE_DATABASE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_the_first_log_in_makes_the_person_and_the_second_finds_them(
    browser: Open, provider: Running, database: Database
) -> None:
    provider.lets_in("sub-carol", preferred_username="carol")
    first = browser()
    button = re.findall(
        r'href="(/login/openid[^"]*)"[^>]*>\s*([^<]*?)\s*<', first.get("/login?next=/help").text
    )
    assert button == [("/login/openid?next=/help", "Sign in with Example ID")]
    answer = first.get(there_and_back(first, button[0][0]))
    assert (answer.status_code, answer.headers["location"]) == (303, "/help")
    assert signed_in(first) == "carol"
    assert told(database) == [
        ("sign-in: signed in", "carol", "Example ID"),
        ("people: joined by single sign-on", "carol", "Example ID, annotator"),
    ]
    provider.lets_in("sub-carol", preferred_username="carol.married")  # a name is no identity
    second = browser()
    assert second.get(there_and_back(second)).headers["location"] == "/"
    assert signed_in(second) == "carol"
    assert people_there(database) == ["ada", "ann", "bob", "carol"]
    assert told(database)[0] == ("sign-in: signed in", "carol", "Example ID")
    assert len(told(database)) == 3
    second.post("/logout")
    assert signed_in(second) == ""
    assert signed_in(first) == "carol"
    assert first.post("/login", data={"name": "carol", "password": "!"}).status_code == 401


@ONE_DATABASE
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("nonce", "nonce"),
        ("no nonce", "nonce"),
        ("aud", "aud"),
        ("azp", "azp"),
        ("iss", "iss"),
        ("expired", "expired"),
        ("signature", "bad_signature"),
        ("unsigned", "alg"),
        ("shared secret", "alg"),
        ("no sub", "sub"),
    ],
)
def test_what_the_provider_says_wrongly_is_refused_with_the_reason_in_the_logs(
    browser: Open,
    provider: Running,
    database: Database,
    caplog: pytest.LogCaptureFixture,
    fault: str,
    reason: str,
) -> None:
    provider.lets_in("sub-mallory", fault, preferred_username="mallory")
    client = browser()
    with caplog.at_level(logging.WARNING):
        answer = client.get(there_and_back(client))
    assert (answer.status_code, signed_in(client)) == (401, "")
    assert "could not be verified, so nobody was signed in" in flat(answer.text)
    assert 'name="password"' in answer.text
    assert re.search(f"no log-in by Example ID: .*{reason}", caplog.text), caplog.text
    assert people_there(database) == ["ada", "ann", "bob"]
    [(kind, person, about)] = told(database)
    assert (kind, person) == ("sign-in: failed", "unknown name")
    assert reason in about


def test_only_the_browser_that_began_can_come_back_and_only_once(
    browser: Open, provider: Running, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    provider.lets_in("sub-carol", preferred_username="carol")
    victim, attacker = browser(), browser()
    theirs = there_and_back(attacker)
    for client in (browser(), victim):  # a browser that began nothing, and one that began another log-in
        if client is victim:
            there_and_back(victim)
        answer = client.get(theirs)
        assert (answer.status_code, signed_in(client)) == (401, "")
        assert "not begun in this browser" in answer.text
    assert "no cookie of this log-in" in caplog.text
    assert "another state" in caplog.text
    assert attacker.get(theirs).status_code == 303
    kept = browser()
    address = there_and_back(kept)
    cookie = kept.cookies["toploss_openid"]
    assert kept.get(address).status_code == 303
    kept.cookies.clear()
    kept.cookies.set("toploss_openid", cookie, domain="testserver.local", path="/login/openid")
    again = kept.get(address)
    assert (again.status_code, signed_in(kept)) == (401, "")
    assert "was used already" in again.text


@ONE_DATABASE
def test_errors_of_the_provider_are_said_in_plain_words(
    browser: Open, provider: Running, database: Database
) -> None:
    for error, words in (
        ("access_denied", "did not let you in"),
        ("temporarily_unavailable", "has too much to do"),
        ("unauthorized_client", "does not accept this server"),
    ):
        provider.lets_in("sub-carol", f"error {error}")
        client = browser()
        answer = client.get(there_and_back(client))
        assert answer.status_code == 401
        assert f"Example ID {words}" in words_of(answer.text)
        assert told(database)[0][2] == f"Example ID: the provider answered {error!r}: 'as told'"
    provider.lets_in("sub-carol")
    client = browser(oidc_client_secret="another one")  # noqa: S106
    assert "does not accept this server" in client.get(there_and_back(client)).text


@ONE_DATABASE
def test_a_provider_that_is_down_or_broken_leaves_passwords_working(
    browser: Open, provider: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    for client in (browser(nobody), browser()):
        if client.app.state.settings.oidc_issuer != nobody:  # type: ignore[attr-defined]
            provider.lets_in("sub-carol", "other issuer")
        answer = client.get("/login/openid?next=/help")
        assert answer.status_code == 503
        assert "Example ID does not answer as it should. Sign in with a password" in words_of(answer.text)
        assert 'name="next" value="/help"' in answer.text
        told_next = client.post("/login", data={"name": "ann", "password": PASSWORD, "next": "/help"})
        assert told_next.headers["location"] == "/help"
        assert signed_in(client) == "ann"
    provider.lets_in("sub-carol", "broken")
    client = browser()
    assert client.get(there_and_back(client)).status_code == 503
    monkeypatch.setattr("app.accounts.openid.PATIENCE", 0)  # an answer that comes too late
    provider.lets_in("sub-carol")
    assert browser().get("/login/openid").status_code == 503


@ONE_DATABASE
def test_new_keys_of_the_provider_are_read(browser: Open, provider: Running) -> None:
    provider.lets_in("sub-carol", preferred_username="carol")
    client = browser()
    client.get(there_and_back(client))
    client.post("/logout")
    provider.lets_in("sub-carol", "new keys", preferred_username="carol")
    client.get(there_and_back(client))
    assert signed_in(client) == "carol"


@ONE_DATABASE
def test_the_way_back_leads_to_no_other_site(browser: Open, provider: Running) -> None:
    provider.lets_in("sub-carol", preferred_username="carol")
    for target in ("https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"):
        client = browser()
        answer = client.get(there_and_back(client, f"/login/openid?next={quote(target)}"))
        assert answer.headers["location"] == "/"


@ONE_DATABASE
def test_what_is_sent_to_the_provider_and_kept_in_the_browser(browser: Open, provider: Running) -> None:
    client = browser()
    away = client.get("/login/openid")
    address = urlsplit(away.headers["location"])
    sent = {name: value[0] for name, value in parse_qs(address.query).items()}
    assert f"{address.scheme}://{address.netloc}" == provider.issuer
    assert sent["redirect_uri"] == "http://testserver/login/openid/callback"
    assert (sent["response_type"], sent["scope"]) == ("code", "openid profile email")
    assert len(sent["state"]) == len(sent["nonce"]) == len(sent["code_challenge"]) == 43
    cookie = away.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Max-Age=600" in cookie
    assert "secret" not in cookie


@ONE_DATABASE
def test_without_the_settings_there_is_no_button_and_no_way(visitor: TestClient, people: People) -> None:
    page = visitor.get("/login").text
    assert "openid" not in page
    for path in ("/login/openid", "/login/openid/callback?code=x&state=y"):
        assert visitor.get(path).status_code == 404
    assert visitor.post("/login/openid/invited", data={"link": "x"}).status_code == 404


@ONE_DATABASE
def test_refusals_of_one_person_make_nobody_wait(browser: Open, provider: Running) -> None:
    provider.lets_in("sub-carol", "error access_denied")
    client = browser()
    assert [client.get(there_and_back(client)).status_code for _ in range(12)] == [401] * 12
    provider.lets_in("sub-carol")
    other = browser()
    assert other.get(there_and_back(other)).headers["location"] == "/"


@ONE_DATABASE
def test_a_provider_of_somebody_else_lets_people_in(browser: Open, database: Database) -> None:
    port = free_port()
    with running("oidc_provider_mock", "--port", str(port), "--require-nonce", "true", port=port) as other:
        httpx.put(
            f"{other.issuer}/users/carol-7", json={"preferred_username": "carol"}, timeout=120
        ).raise_for_status()
        for _ in range(2):
            client = browser(other.issuer, oidc_name="")
            away = client.get("/login/openid").headers["location"]
            back = httpx.post(away, data={"sub": "carol-7"}, timeout=120)
            parts = urlsplit(back.headers["location"])
            answer = client.get(f"{parts.path}?{parts.query}")
            assert answer.headers["location"] == "/", answer.text
            assert signed_in(client) == "carol"
        assert people_there(database) == ["ada", "ann", "bob", "carol"]
        assert told(database)[0][2] == "127.0.0.1"
        client = browser(other.issuer)
        away = client.get("/login/openid").headers["location"]
        back = httpx.post(away, data={"action": "deny"}, timeout=120)
        parts = urlsplit(back.headers["location"])
        assert "did not let you in" in client.get(f"{parts.path}?{parts.query}").text
