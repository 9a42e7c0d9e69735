"""What a session remembers."""

from sqlalchemy.orm import Session

from app.db.memory import REMEMBERED, forget, is_remembering, remember, remembered


def test_a_plain_session_asks_each_time() -> None:
    session, asked = Session(), iter(range(9))
    assert [remember(session, "key", lambda: next(asked)) for _ in range(2)] == [0, 1]
    assert not is_remembering(session)
    assert remembered(session) == {}


def test_a_session_that_remembers_asks_once_for_each_key_until_it_forgets() -> None:
    session, asked = Session(info={REMEMBERED: {}}), iter(range(9))
    assert is_remembering(session)
    found = [remember(session, key, lambda: next(asked)) for key in ("a", "b", "a", "b")]
    assert found == [0, 1, 0, 1]
    forget(session)
    assert remember(session, "a", lambda: next(asked)) == 2


def test_none_is_an_answer_that_is_remembered() -> None:
    session, asked = Session(info={REMEMBERED: {}}), iter([None, "again"])
    assert [remember(session, "key", lambda: next(asked)) for _ in range(2)] == [None, None]
