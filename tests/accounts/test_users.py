"""Who can sign in: names, roles and the right password."""

import pytest

from app.accounts.users import add_user, change_user, check_password, find_user
from app.db.engine import Database
from app.errors import Conflict, Invalid, NotSignedIn
from tests.conftest import PASSWORD, People


def test_the_right_password_opens_and_the_wrong_one_does_not_say_what_was_wrong(
    database: Database, people: People
) -> None:
    with database.read() as session:
        known, unknown = find_user(session, name="ann"), find_user(session, name="nobody")
    assert check_password(known, password=PASSWORD).name == "ann"
    messages = []
    for user, password in ((known, "wrong horse"), (unknown, PASSWORD)):
        with pytest.raises(NotSignedIn) as refusal:
            check_password(user, password=password)
        messages.append(str(refusal.value))
    assert messages[0] == messages[1]


@pytest.mark.parametrize(
    ("name", "role", "words"),
    [("", "admin", "1 to 64"), ("a b", "admin", "1 to 64"), ("eve", "king", "no role")],
)
def test_a_bad_account_is_refused_in_words(database: Database, name: str, role: str, words: str) -> None:
    with database.write() as session, pytest.raises(Invalid, match=words):
        add_user(session, name=name, role=role, password_hash="")


def test_a_name_is_taken_once(database: Database, people: People) -> None:
    with database.write() as session, pytest.raises(Conflict, match="already a user named ann"):
        add_user(session, name="ann", role="annotator", password_hash="")


def test_the_last_admin_stays(database: Database, people: People) -> None:
    with database.write() as session:
        with pytest.raises(Conflict, match="only active admin"):
            change_user(session, name="ada", role="annotator")
        with pytest.raises(Conflict, match="only active admin"):
            change_user(session, name="ada", active=False)
        change_user(session, name="ann", role="admin")
        change_user(session, name="ada", active=False)
