"""API tokens: what they may, when they end, what ends them, and when they were used."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from app.accounts.models import ApiToken
from app.accounts.tokens import (
    NOTED_SECONDS,
    ListedToken,
    Person,
    Uses,
    create_token,
    list_tokens,
    note_use,
    revoke_token,
    user_of_token,
)
from app.accounts.users import change_user, get_user, set_password
from app.db.engine import Database
from app.db.types import now
from app.errors import Conflict, Invalid, NotFound, NotSignedIn
from tests.conftest import People

KEY = b"of this test"


def make(database: Database, owner: str, **options: object) -> str:
    with database.write() as session:
        return create_token(session, user=get_user(session, name=owner), name="t", key=KEY, **options)


def asks(database: Database, token: str) -> Person | None:
    with database.read() as session:
        try:
            return user_of_token(session, token=token, key=KEY)
        except NotSignedIn:
            return None


def only(database: Database, owner_id: int) -> ListedToken:
    with database.read() as session:
        return next(each for each in list_tokens(session, user_id=owner_id) if each.name == "t")


@pytest.mark.parametrize(
    ("owner", "scope", "role", "may_change"),
    [
        ("ada", None, "admin", True),
        ("ada", "admin", "admin", True),
        ("ada", "annotate", "annotator", True),
        ("ada", "read", "viewer", False),
        ("ann", None, "annotator", True),
        ("ann", "annotate", "annotator", True),
        ("ann", "read", "viewer", False),
    ],
)
def test_a_token_may_do_what_its_scope_says_and_no_more_than_its_owner(
    database: Database, people: People, owner: str, scope: str | None, role: str, may_change: bool
) -> None:
    person = asks(database, make(database, owner, scope=scope))
    assert person is not None
    assert (person.name, person.role, person.may_change) == (owner, role, may_change)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"scope": "admin"}, "ann is an annotator, so a token of theirs has the scope read or annotate"),
        ({"scope": "king"}, "no scope"),
        ({"expires_days": 0}, "3,650 days"),
        ({"expires_days": -1}, "3,650 days"),
        ({"expires_days": 1e9}, "3,650 days"),
        ({"expires_days": float("nan")}, "3,650 days"),
    ],
)
def test_a_token_that_cannot_be_is_refused_in_words(
    database: Database, people: People, options: dict[str, object], words: str
) -> None:
    with pytest.raises(Invalid, match=words):
        make(database, "ann", **options)


def test_a_token_ends_at_its_time(database: Database, people: People) -> None:
    lasting, ending = make(database, "ann"), make(database, "ann", expires_days=1)
    assert asks(database, ending)
    with database.write() as session:
        session.execute(
            update(ApiToken)
            .where(ApiToken.expires_at.is_not(None))
            .values(expires_at=now() - timedelta(seconds=1))
        )
    assert asks(database, lasting)
    with database.read() as session, pytest.raises(NotSignedIn, match="has expired"):
        user_of_token(session, token=ending, key=KEY)
    assert only(database, people.annotator.id).has_expired


def test_a_new_password_revokes_every_token_and_says_how_many(database: Database, people: People) -> None:
    tokens, bobs = [make(database, "ann") for _ in range(2)], make(database, "bob")
    with database.write() as session:
        ended = set_password(session, user=get_user(session, name="ann"), password_hash="another")  # noqa: S106
    assert ended.tokens == 3  # with the one that the fixture made
    assert [asks(database, token) for token in tokens] == [None, None]
    assert asks(database, bobs)


def test_deactivation_revokes_tokens_for_good(database: Database, people: People) -> None:
    token = make(database, "ann")
    for active in (False, True):
        with database.write() as session:
            change_user(session, name="ann", active=active)
    assert asks(database, token) is None
    with database.read() as session:
        assert list_tokens(session, user_id=people.annotator.id) == []


def test_who_is_deactivated_gets_no_token(database: Database, people: People) -> None:
    with database.write() as session:
        change_user(session, name="ann", active=False)
    with pytest.raises(Conflict, match="let them in again first"):
        make(database, "ann")


def test_who_is_no_admin_any_more_has_no_admins_token_also_not_as_an_admin_again(
    database: Database, people: People
) -> None:
    with database.write() as session:
        change_user(session, name="ann", role="admin")
    token = make(database, "ann")
    assert asks(database, token) == Person(people.annotator.id, "ann", "admin", True, _id(database, people))
    for role in ("annotator", "admin"):
        with database.write() as session:
            change_user(session, name="ann", role=role)
        person = asks(database, token)
        assert person is not None
        assert person.role == "annotator"


def test_who_only_looks_from_now_on_has_tokens_that_only_read(database: Database, people: People) -> None:
    token = make(database, "ann")
    for role in ("viewer", "annotator"):
        with database.write() as session:
            change_user(session, name="ann", role=role)
        person = asks(database, token)
        assert person is not None
        assert (person.role, person.may_change) == ("viewer", False)


def test_a_token_of_a_reviewer_settles_nothing(database: Database, people: People) -> None:
    with database.write() as session:
        change_user(session, name="ann", role="reviewer")
    person = asks(database, make(database, "ann"))
    assert person is not None
    assert (person.may_decide, person.may_settle) == (True, False)


def _id(database: Database, people: People) -> int:
    return only(database, people.annotator.id).id


def test_everybodys_tokens_are_listed_by_owner_and_revoked_by_their_number(
    database: Database, people: People
) -> None:
    token = make(database, "bob", scope="read", expires_days=30)
    with database.read() as session:
        listed = list_tokens(session)
    assert [(each.owner, each.scope) for each in listed] == [
        ("ada", "admin"),
        ("ann", "annotate"),
        ("bob", "read"),
        ("bob", "annotate"),
    ]
    with database.write() as session:
        assert revoke_token(session, token_id=listed[2].id).owner == "bob"
    assert asks(database, token) is None
    with database.write() as session, pytest.raises(NotFound, match="look again"):
        revoke_token(session, token_id=listed[2].id)


def test_a_last_use_is_written_at_most_once_in_five_minutes(database: Database, people: People) -> None:
    make(database, "ann")
    token_id, start = only(database, people.annotator.id).id, now()
    seen = []
    for seconds in (0, 1, NOTED_SECONDS - 1, NOTED_SECONDS + 1):
        with database.write() as session:
            note_use(session, token_id=token_id, at=start + timedelta(seconds=seconds))
        last = only(database, people.annotator.id).last_used_at
        assert last is not None
        seen.append((last - start).total_seconds())
    assert seen == [0, 0, 0, NOTED_SECONDS + 1]


def test_a_process_writes_a_last_use_once() -> None:
    uses = Uses()
    assert [uses.is_new("a"), uses.is_new("a"), uses.is_new("b"), uses.is_new("a")] == [
        True,
        False,
        True,
        False,
    ]
