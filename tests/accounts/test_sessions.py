"""The signed-in browsers of people: in words, listed, ended, and their last use."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from app.accounts.models import LoginSession
from app.accounts.sessions import (
    UNKNOWN,
    browser_of,
    end_listed,
    end_others,
    list_sessions,
    mark_of,
    note_session_use,
)
from app.accounts.tokens import NOTED_SECONDS, start_session, token_hash, user_of_session
from app.accounts.users import get_user
from app.db.engine import Database
from app.db.types import now
from app.errors import NotFound, NotSignedIn
from tests.conftest import People

KEY = b"of this test"
SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0"


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0", "Firefox on Linux"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36", "Chrome on Windows"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36 Edg/131.0", "Edge on Windows"),
        (
            f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {SAFARI} Version/17.1 Safari/605.1.15",
            "Safari on macOS",
        ),
        (f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) {SAFARI} Safari/604.1", "Safari on iPhone"),
        (f"Mozilla/5.0 (Linux; Android 14; Pixel 8) {CHROME} Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8.5.0", UNKNOWN),
        ("", UNKNOWN),
        ("<script>alert(1)</script>", UNKNOWN),
    ],
)
def test_a_browser_is_named_in_words(user_agent: str, words: str) -> None:
    assert browser_of(user_agent) == words


def sign_in(database: Database, name: str, browser: str = "Firefox on Linux") -> str:
    with database.write() as session:
        user = get_user(session, name=name)
        return start_session(session, user=user, days=1, key=KEY, browser=browser)


def is_open(database: Database, cookie: str) -> bool:
    with database.read() as session:
        try:
            return bool(user_of_session(session, token=cookie, key=KEY))
        except NotSignedIn:
            return False


def test_open_log_ins_are_listed_without_what_opens_them(database: Database, people: People) -> None:
    cookie, expired = sign_in(database, "ann"), sign_in(database, "ann")
    with database.write() as session:
        session.execute(
            update(LoginSession)
            .where(LoginSession.token_hash == token_hash(expired, key=KEY))
            .values(expires_at=now())
        )
    sign_in(database, "bob", "Safari on iPhone")
    with database.read() as session:
        everybody, [anns] = list_sessions(session), list_sessions(session, user_id=people.annotator.id)
    assert [(each.owner, each.browser) for each in everybody] == [
        ("ann", "Firefox on Linux"),
        ("bob", "Safari on iPhone"),
    ]
    assert anns.mark == mark_of(token_hash(cookie, key=KEY))
    for opens in (cookie, token_hash(cookie, key=KEY)):
        assert opens not in str(everybody)
    assert not is_open(database, anns.mark)


def test_one_log_in_is_ended_but_not_that_of_another_person(database: Database, people: People) -> None:
    first, second, bobs = (sign_in(database, name) for name in ("ann", "ann", "bob"))
    marks = {cookie: mark_of(token_hash(cookie, key=KEY)) for cookie in (first, bobs)}
    with database.write() as session:
        assert end_listed(session, mark=marks[first], user_id=people.annotator.id).owner == "ann"
        for mark in marks.values():
            with pytest.raises(NotFound, match="ended already"):
                end_listed(session, mark=mark, user_id=people.annotator.id)
    assert [is_open(database, each) for each in (first, second, bobs)] == [False, True, True]
    with database.write() as session:
        assert end_listed(session, mark=marks[bobs]).owner == "bob"
    assert not is_open(database, bobs)


def test_all_others_are_ended(database: Database, people: People) -> None:
    cookies = [sign_in(database, "ann") for _ in range(3)]
    bobs = sign_in(database, "bob")
    with database.write() as session:
        kept = token_hash(cookies[1], key=KEY)
        assert end_others(session, user_id=people.annotator.id, token_hash=kept) == 2
    assert [is_open(database, each) for each in (*cookies, bobs)] == [False, True, False, True]


def test_a_last_use_is_written_down_to_five_minutes(database: Database, people: People) -> None:
    digest, start = token_hash(sign_in(database, "ann"), key=KEY), now()
    for seconds, noted in ((NOTED_SECONDS / 2, False), (NOTED_SECONDS + 1, True)):
        at = start + timedelta(seconds=seconds)
        with database.write() as session:
            note_session_use(session, token_hash=digest, at=at)
            [found] = list_sessions(session, user_id=people.annotator.id)
        assert (found.last_used_at == at) is noted
