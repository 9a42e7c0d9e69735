from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from app.accounts.models import LoginSession, User
from app.db.compiled import Prepared, PreparedOf
from app.db.engine import Database
from tests.conftest import People

BY_ROLE = Prepared(
    select(User.id, User.name, User.active)
    .where(User.role == bindparam("role"), User.name != "bob")
    .order_by(User.id)
)
NAMED = PreparedOf(User.id, lambda these: select(User.name).where(these).order_by(User.id))
NEW = Prepared(
    insert(LoginSession).values(
        {name: bindparam(name) for name in ("token_hash", "user_id", "browser", "created_at", "expires_at")}
    )
)
ENDS = Prepared(select(LoginSession.expires_at).where(LoginSession.token_hash == bindparam("digest")))
GONE = Prepared(
    delete(LoginSession).where(LoginSession.user_id == bindparam("user")).returning(LoginSession.token_hash)
)
MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)


def log_ins(people: People, *tokens: str) -> list[dict[str, object]]:
    same = {"user_id": people.annotator.id, "browser": "", "created_at": MOMENT, "expires_at": MOMENT}
    return [{"token_hash": token, **same} for token in tokens]


def test_rows_have_their_columns_as_attributes(database: Database, people: People) -> None:
    with database.read() as session:
        found = BY_ROLE.rows(session, role="annotator")
        assert [(row.id, row.name, bool(row.active)) for row in found] == [(people.annotator.id, "ann", True)]
        assert BY_ROLE.one(session, role="nobody") is None
        assert BY_ROLE.scalar(session, role="admin") == people.admin.id


def test_one_sample_and_many_are_asked_alike(database: Database, people: People) -> None:
    with database.read() as session:
        assert [name for (name,) in NAMED.rows(session, [people.other.id])] == ["bob"]
        assert [name for (name,) in NAMED.rows(session, [people.other.id, people.admin.id])] == ["ada", "bob"]


def test_a_moment_comes_back_in_utc_whatever_its_zone_was(database: Database, people: People) -> None:
    with database.write() as session:
        NEW.rows(
            session,
            **log_ins(people, "one")[0] | {"expires_at": MOMENT.astimezone(timezone(timedelta(hours=5)))},
        )
        found = ENDS.scalar(session, digest="one")
    assert (found, found.utcoffset()) == (MOMENT, timedelta(0))


def test_many_are_written_at_once_and_what_is_deleted_can_be_returned(
    database: Database, people: People
) -> None:
    with database.write() as session:
        NEW.many(session, log_ins(people, "one", "two", "three"))
    with database.write() as session:
        assert {token for (token,) in GONE.rows(session, user=people.annotator.id)} == {"one", "two", "three"}


def test_a_refusal_of_the_database_is_the_same_as_elsewhere(database: Database, people: People) -> None:
    with pytest.raises(IntegrityError), database.write() as session:
        NEW.many(session, log_ins(people, "one", "one"))
    with pytest.raises((DBAPIError, OverflowError)), database.write() as session:
        GONE.rows(session, user=2**70)
    with database.read() as session:
        assert ENDS.one(session, digest="one") is None
