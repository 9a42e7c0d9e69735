"""Signed-in browsers on the pages Account and People."""

import re
import time
from datetime import timedelta

from fastapi.testclient import TestClient
from sqlalchemy import update

from app.accounts.models import LoginSession
from app.accounts.sessions import list_sessions
from app.accounts.tokens import Uses
from app.db.engine import Database
from app.db.types import now
from app.web.pages.accounts.people import A_PAGE
from tests.conftest import PASSWORD, People
from tests.web.html import flat, words_of

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"


def another(client: TestClient, name: str) -> TestClient:
    """A second browser of a person."""
    other = TestClient(client.app, follow_redirects=False, headers={"user-agent": FIREFOX})
    assert other.post("/login", data={"name": name, "password": PASSWORD}).status_code == 303
    return other


def ends(page: str) -> list[str]:
    return re.findall(r'action="(/(?:account|people)/sessions/\w+/end)"', page)


def test_a_person_sees_their_browsers_and_ends_one(browser_of: dict[str, TestClient]) -> None:
    ann = browser_of["ann"]
    other = another(ann, "ann")
    page = flat(ann.get("/account").text)
    table = page.split('id="log-ins"')[1].split("</section>")[0]
    assert "Firefox on Linux" in table
    assert words_of(table).count("this browser") == 1
    [end] = ends(page)  # none for the browser that asks
    assert other.get("/").status_code == 200
    done = ann.post(end)
    assert "The log-in of Firefox on Linux has ended" in ann.get(done.headers["location"]).text
    assert other.get("/").status_code == 303
    assert ann.post(end).status_code == 404


def test_a_person_ends_all_others(browser_of: dict[str, TestClient]) -> None:
    ann = browser_of["ann"]
    others, bob = [another(ann, "ann") for _ in range(2)], browser_of["bob"]
    done = ann.post("/account/end-others")
    assert "2 other log-ins have ended" in ann.get(done.headers["location"]).text
    assert [each.get("/").status_code for each in (*others, ann, bob)] == [303, 303, 200, 200]
    assert "End all others" not in ann.get("/account").text


def test_an_admin_ends_a_log_in_of_another_person_and_nobody_else_does(
    browser_of: dict[str, TestClient],
) -> None:
    ada, ann, bob = (browser_of[name] for name in ("ada", "ann", "bob"))
    page = flat(ada.get("/people").text)
    [end] = re.findall(r'(/people/sessions/\w+/end)"(?:(?!</form>).)*of ann<', page)
    assert bob.post(end).status_code == 403
    assert bob.post(end.replace("/people/", "/account/")).status_code == 404
    assert ann.get("/").status_code == 200
    done = ada.post(end)
    assert "The log-in of ann with" in ada.get(done.headers["location"]).text
    assert ann.get("/").status_code == 303


def test_a_use_after_a_while_is_recorded(
    browser_of: dict[str, TestClient], database: Database, people: People
) -> None:
    ann = browser_of["ann"]
    long_ago = now() - timedelta(days=1)
    with database.write() as session:
        session.execute(update(LoginSession).values(last_used_at=long_ago))
    ann.get("/account")
    with database.read() as session:  # the log-in itself was a use
        assert list_sessions(session)[0].last_used_at == long_ago
    ann.app.state.token_uses = Uses()  # as in another process, or five minutes later
    ann.get("/account")
    until = time.monotonic() + 60
    used = long_ago
    while used == long_ago and time.monotonic() < until:  # no request waits until it is recorded
        with database.read() as session:
            used = list_sessions(session)[0].last_used_at
    assert used is not None
    assert used > long_ago


def test_many_log_ins_are_shown_a_hundred_at_a_time(
    browser_of: dict[str, TestClient], database: Database, people: People
) -> None:
    ada = browser_of["ada"]
    with database.write() as session:
        for number in range(A_PAGE + 1):
            later = now() + timedelta(days=1)
            session.add(LoginSession(token_hash=str(number), user_id=people.other.id, expires_at=later))
    first = ada.get("/people").text
    assert len(ends(first)) == A_PAGE
    [more] = re.findall(r'href="(/people\?log_ins=\d+)#log-ins"', first)
    rest = ada.get(more).text
    assert len(ends(rest)) == 2
    assert set(ends(rest)).isdisjoint(ends(first))
    assert "log_ins=" not in rest.split("<main")[1]
