"""Rows of the activity log are written with the act that they tell of, once, and swept when they are old."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from app.accounts.activity import (
    MOST_WORDS,
    Act,
    Wanted,
    doing,
    each_activity,
    kinds_there,
    list_activity,
    nothing_done,
    sweep_activity,
    tell,
    write_down,
)
from app.accounts.models import Activity
from app.accounts.users import find_user, get_user
from app.db.engine import Database
from app.db.types import now
from tests.conftest import People


def act(kind: str = "people: changed") -> Act:
    return Act(kind, "ada", "browser", "192.0.2.1")


def abouts(database: Database) -> list[str]:
    return [row.about for row in each_activity(database, Wanted())]


def test_an_act_is_written_down_with_the_first_transaction_only(database: Database, people: People) -> None:
    with doing(act()):
        for name in ("ann", "bob"):
            with database.write() as session:
                tell(name)
                get_user(session, name=name).active = False
    with database.write() as session:
        get_user(session, name="ann").active = True
    assert abouts(database) == ["ann"]


def test_what_is_rolled_back_is_not_written_down(database: Database, people: People) -> None:
    def fail() -> None:
        with database.write() as session:
            get_user(session, name="ann").name = "amy"
            session.flush()
            raise ZeroDivisionError

    with doing(act()), pytest.raises(ZeroDivisionError):
        fail()
    assert abouts(database) == []
    with database.read() as session:
        assert find_user(session, name="ann")


def test_a_second_try_after_a_refused_one_is_written_down(database: Database, people: People) -> None:
    with doing(act()):
        with pytest.raises(ZeroDivisionError), database.write():
            raise ZeroDivisionError
        with database.write() as session:
            get_user(session, name="ann").active = False
    assert len(abouts(database)) == 1


def test_a_savepoint_is_no_transaction_of_its_own(database: Database, people: People) -> None:
    with doing(act()), database.write() as session:
        with session.begin_nested():
            get_user(session, name="ann").active = False
        tell("after the savepoint")
    assert abouts(database) == ["after the savepoint"]


def test_nothing_done_is_not_written_down(database: Database) -> None:
    with doing(act()), database.write():
        nothing_done()
    assert abouts(database) == []


def test_rows_are_filtered_and_listed_from_both_ends(database: Database) -> None:
    with database.write() as session:
        for number, kind in enumerate(("a", "b", "a")):
            write_down(session, act=Act(kind, "ada", "shell", about=str(number), dataset=lambda _: "faces"))
    with database.read() as session:
        newest = list_activity(session, Wanted(kind="a"))
        assert [row.about for row in newest] == ["2", "0"]
        assert [row.about for row in list_activity(session, Wanted(), before=newest[0].id)] == ["1", "0"]
        assert kinds_there(session) == ["a", "b"]
        assert list_activity(session, Wanted(dataset="owls")) == []
    assert [row.about for row in each_activity(database, Wanted(dataset="faces"))] == ["0", "1", "2"]


def test_long_words_are_cut(database: Database) -> None:
    with doing(act()), database.write():
        tell("x" * 5000)
    assert abouts(database) == ["x" * MOST_WORDS]


def test_old_rows_are_swept_and_the_others_stay(database: Database) -> None:
    with database.write() as session:
        for about in ("old", "new"):
            write_down(session, act=Act("a", "ada", "shell", about=about))
        session.execute(
            update(Activity).where(Activity.about == "old").values(at=now() - timedelta(days=366))
        )
    assert sweep_activity(database, days=365) == 1
    assert abouts(database) == ["new"]
