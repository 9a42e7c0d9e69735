"""Links with which a person chooses a password: one use, three days, one at a time."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from app.accounts.links import (
    LINK_DAYS,
    address_of,
    invite,
    make_link,
    open_links,
    secret_of,
    use_link,
    user_of_link,
    withdraw_link,
)
from app.accounts.models import AccountLink
from app.accounts.passwords import hash_password, is_password
from app.accounts.tokens import create_token, start_session, user_of_session, user_of_token
from app.accounts.users import change_user, check_password, find_user, get_user
from app.db.engine import Database
from app.db.types import now
from app.errors import Conflict, NotFound, NotSignedIn
from tests.conftest import People

KEY = b"of this test"
NEW = "battery staple"
HASH = hash_password(NEW)


def invited(database: Database, role: str = "annotator") -> str:
    with database.write() as session:
        return invite(session, name="eve", role=role, key=KEY)


def reset(database: Database, name: str) -> str:
    with database.write() as session:
        return make_link(session, user=get_user(session, name=name), key=KEY)


def use(database: Database, secret: str) -> str:
    with database.write() as session:
        return use_link(session, secret=secret, key=KEY, password_hash=HASH)[0].name


def is_open(database: Database, secret: str) -> bool:
    with database.read() as session:
        try:
            return bool(user_of_link(session, secret=secret, key=KEY))
        except NotSignedIn:
            return False


def test_a_link_is_stored_as_a_keyed_hash_only(database: Database, people: People) -> None:
    secret = reset(database, "ann")
    with database.read() as session:
        [stored] = session.scalars(select(AccountLink.token_hash))
    assert secret not in stored
    assert len(secret) > 40
    with database.read() as session, pytest.raises(NotSignedIn):
        user_of_link(session, secret=secret, key=b"of somebody else")


def test_who_is_invited_cannot_sign_in_before_they_chose_a_password(database: Database) -> None:
    secret = invited(database)
    with database.read() as session:
        user = get_user(session, name="eve")
    for guess in ("", "nobody's password"):
        with pytest.raises(NotSignedIn):
            check_password(user, password=guess)
    with database.write() as session, pytest.raises(Conflict, match="has not accepted"):
        create_token(session, user=get_user(session, name="eve"), name="t", key=KEY)
    assert use(database, secret) == "eve"
    with database.read() as session:
        user = get_user(session, name="eve")
    assert check_password(user, password=NEW) == user
    assert not user.is_invited


def test_a_link_works_once(database: Database, people: People) -> None:
    secret = reset(database, "ann")
    assert use(database, secret) == "ann"
    assert not is_open(database, secret)
    with pytest.raises(NotSignedIn):
        use(database, secret)


def test_of_two_uses_at_once_one_succeeds(database: Database, people: People) -> None:
    secret = reset(database, "ann")

    def try_it(_number: int) -> bool:
        try:
            return bool(use(database, secret))
        except NotSignedIn:
            return False

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(try_it, range(4))) == 1


def test_a_link_expires(database: Database, people: People) -> None:
    secret = reset(database, "ann")
    with database.read() as session:
        expires = open_links(session)[people.annotator.id]
    left = expires - now()
    assert timedelta(days=LINK_DAYS) - timedelta(minutes=5) < left <= timedelta(days=LINK_DAYS)
    with database.write() as session:
        session.execute(update(AccountLink).values(expires_at=now()))
    assert not is_open(database, secret)
    with database.read() as session:
        assert open_links(session) == {}


def test_a_new_link_replaces_the_one_before(database: Database, people: People) -> None:
    first, second = reset(database, "ann"), reset(database, "ann")
    assert [is_open(database, each) for each in (first, second)] == [False, True]


def test_a_link_changes_nothing_until_it_is_used_then_log_ins_and_tokens_end(
    database: Database, people: People
) -> None:
    with database.write() as session:
        ann = get_user(session, name="ann")
        cookie = start_session(session, user=ann, days=1, key=KEY)
        token = create_token(session, user=ann, name="t", key=KEY)
    secret = reset(database, "ann")
    with database.read() as session:
        assert user_of_session(session, token=cookie, key=KEY).name == "ann"
        assert user_of_token(session, token=token, key=KEY).name == "ann"
    use(database, secret)
    with database.read() as session:
        for asks, given in ((user_of_session, cookie), (user_of_token, token)):
            with pytest.raises(NotSignedIn):
                asks(session, token=given, key=KEY)
        assert is_password(NEW, stored=get_user(session, name="ann").password_hash)


def test_a_withdrawn_invitation_frees_the_name_and_a_withdrawn_reset_leaves_the_person(
    database: Database, people: People
) -> None:
    secrets = [invited(database), reset(database, "ann")]
    with database.write() as session:
        assert [withdraw_link(session, name=name) for name in ("eve", "ann")] == [True, False]
    assert not any(is_open(database, each) for each in secrets)
    with database.read() as session:
        assert find_user(session, name="eve") is None
        assert find_user(session, name="ann") is not None
    with database.write() as session, pytest.raises(NotFound, match="no open link"):
        withdraw_link(session, name="ann")


def test_a_deactivation_ends_the_link_and_nobody_deactivated_gets_one(
    database: Database, people: People
) -> None:
    secret = reset(database, "ann")
    with database.write() as session:
        change_user(session, name="ann", active=False)
    with pytest.raises(Conflict, match="let them in again"):
        reset(database, "ann")
    with database.write() as session:
        change_user(session, name="ann", active=True)
    assert not is_open(database, secret)


def test_an_invited_admin_is_not_yet_the_one_who_remains(database: Database, people: People) -> None:
    secret = invited(database, role="admin")
    with database.write() as session, pytest.raises(Conflict, match="only active admin"):
        change_user(session, name="ada", role="annotator")
    use(database, secret)
    with database.write() as session:
        assert change_user(session, name="ada", role="annotator").role == "annotator"


def test_the_secret_stands_behind_the_sign_that_browsers_do_not_send() -> None:
    assert address_of("s3cret", server="https://toploss.test/") == (
        "https://toploss.test/choose-password#s3cret"
    )
    for pasted in ("s3cret", " https://toploss.test/choose-password#s3cret\n"):
        assert secret_of(pasted) == "s3cret"
