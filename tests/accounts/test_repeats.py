"""Keys of requests: whose answer is kept, for how long, and what else may not use them."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from app.accounts.models import KeptAnswer
from app.accounts.repeats import KEPT, LONGEST, Kept, begin, forget, keep
from app.db.engine import Database
from app.db.types import now
from app.errors import Conflict, Invalid
from tests.conftest import People

ANSWER = Kept("digest", 201, {"content-type": "application/json"}, b"{}")


def ask(database: Database, user_id: int, asked: str = "POST /a") -> Kept | None:
    with database.write() as session:
        return begin(session, user_id=user_id, key="k", asked=asked)


def age(database: Database, by: timedelta) -> None:
    with database.write() as session:
        session.execute(update(KeptAnswer).values(created_at=now() - by))


def test_a_key_has_the_answer_for_a_day_and_for_its_person(database: Database, people: People) -> None:
    ann = people.annotator.id
    assert ask(database, ann) is None
    with pytest.raises(Conflict):
        ask(database, ann)
    assert ask(database, people.other.id) is None
    with database.write() as session:
        keep(session, user_id=ann, key="k", answer=ANSWER)
    assert ask(database, ann) == ANSWER
    with pytest.raises(Invalid):
        ask(database, ann, "POST /b")
    age(database, KEPT + timedelta(minutes=1))
    assert ask(database, ann, "POST /b") is None


def test_a_key_is_free_again_when_nothing_was_made_or_the_answer_is_lost(
    database: Database, people: People
) -> None:
    ann = people.annotator.id
    assert ask(database, ann) is None
    with database.write() as session:
        forget(session, user_id=ann, key="k")
    assert ask(database, ann) is None
    age(database, LONGEST + timedelta(minutes=1))
    assert ask(database, ann) is None
