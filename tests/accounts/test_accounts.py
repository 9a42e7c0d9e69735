import pytest

from app.accounts.models import ApiToken
from app.accounts.passwords import hash_password
from app.accounts.tokens import (
    create_token,
    end_session,
    list_tokens,
    revoke_token,
    start_session,
    user_of_session,
    user_of_token,
)
from app.accounts.users import check_password, find_user, set_password
from app.db.engine import Database
from app.errors import Invalid, NotFound, NotSignedIn
from tests.conftest import PASSWORD, People

KEY = b"of this test"


def test_passwords_are_stored_as_argon2id_only(database: Database, people: People) -> None:
    assert people.annotator.password_hash.startswith("$argon2id$")
    assert PASSWORD not in people.annotator.password_hash


@pytest.mark.parametrize(("password", "words"), [("short", "8 characters"), ("x" * 300, "256")])
def test_a_bad_password_is_refused_in_words(password: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        hash_password(password)


def test_a_log_in_ends_at_sign_out_at_its_time_and_with_a_new_password(
    database: Database, people: People
) -> None:
    def opens(token: str) -> bool:
        with database.read() as session:
            try:
                return user_of_session(session, token=token, key=KEY).name == "ann"
            except NotSignedIn:
                return False

    with database.write() as session:
        first, second, old = (
            start_session(session, user=people.annotator, days=days, key=KEY) for days in (1, 1, -1)
        )
    assert (opens(first), opens(second), opens(old)) == (True, True, False)
    with database.write() as session:
        end_session(session, token=first, key=KEY)
    assert (opens(first), opens(second)) == (False, True)
    with database.write() as session:
        set_password(session, user=session.merge(people.annotator), password_hash="another")  # noqa: S106
    assert not opens(second)


def test_a_token_is_known_by_its_keyed_hash_and_can_be_revoked_by_its_owner_only(
    database: Database, people: People
) -> None:
    with database.write() as session:
        token = create_token(session, user=people.annotator, name="nightly", key=KEY)
    with database.read() as session:
        assert user_of_token(session, token=token, key=KEY).name == "ann"
        with pytest.raises(NotSignedIn):
            user_of_token(session, token=token, key=b"another key")
        stored = list_tokens(session, user_id=people.annotator.id)[0]
        assert token not in session.get_one(ApiToken, stored.id).token_hash
    with database.write() as session, pytest.raises(NotFound):
        revoke_token(session, user_id=people.other.id, token_id=stored.id)
    with database.write() as session:
        revoke_token(session, user_id=people.annotator.id, token_id=stored.id)
    with database.read() as session, pytest.raises(NotSignedIn):
        user_of_token(session, token=token, key=KEY)


def test_a_password_changed_while_it_was_checked_opens_nothing(database: Database, people: People) -> None:
    with database.read() as session:
        checked = check_password(find_user(session, name="ann"), password=PASSWORD)
    with database.write() as session:
        set_password(session, user=session.merge(people.annotator), password_hash="another")  # noqa: S106
    with database.write() as session, pytest.raises(NotSignedIn, match="changed at this moment"):
        start_session(session, user=checked, days=1, key=KEY)
