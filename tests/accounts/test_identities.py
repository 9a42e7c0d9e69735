"""Which account belongs to whom at a provider of single sign-on."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from app.accounts.identities import accept, issuers_of, link, sign_on, unlink, unlink_person
from app.accounts.links import invite, make_link
from app.accounts.models import ELSEWHERE
from app.accounts.openid import Identity
from app.accounts.users import change_user, check_password, get_user, list_users
from app.db.engine import Database
from app.errors import Conflict, Forbidden, NotFound, NotSignedIn
from tests.conftest import People

KEY = b"k" * 32
ISSUER = "https://id.example.org"
CAROL = Identity(ISSUER, "7", "carol")


def test_issuer_and_subject_together_are_the_identity(database: Database, people: People) -> None:
    with database.write() as session:
        first, is_new = sign_on(session, CAROL, role="viewer")
        assert (first.name, first.role, is_new) == ("carol", "viewer", True)
        again, is_new = sign_on(session, Identity(ISSUER, "7", "another name"), role="reviewer")
        assert (again.id, again.role, is_new) == (first.id, "viewer", False)
        for other in (Identity(ISSUER, "8", "carol"), Identity("https://else.example.org", "7", "carol")):
            user, is_new = sign_on(session, other, role="viewer")
            assert (user.id != first.id, is_new) == (True, True)
        assert [user.name for user in list_users(session)][3:] == ["carol", "carol-2", "carol-3"]


def test_a_name_that_no_account_can_have_is_made_one(database: Database, people: People) -> None:
    with database.write() as session:
        for number, (wanted, name) in enumerate(
            (("", "person"), ("<script>", "script"), ("é", "person-2"), ("x" * 80, "x" * 64))
        ):
            assert sign_on(session, Identity(ISSUER, str(number), wanted), role="viewer")[0].name == name
        assert sign_on(session, Identity(ISSUER, "long", "x" * 80), role="viewer")[0].name == "x" * 62 + "-2"


def test_no_password_opens_an_account_of_a_provider(database: Database, people: People) -> None:
    with database.write() as session:
        user, _ = sign_on(session, CAROL, role="viewer")
    for password in (ELSEWHERE, "", "correct horse"):
        with pytest.raises(NotSignedIn):
            check_password(user, password=password)


def test_who_may_not_come_in_is_refused_and_leaves_nothing(database: Database) -> None:
    with database.write() as session:
        with pytest.raises(Forbidden, match="no admin yet"):
            sign_on(session, CAROL, role="annotator")
        assert list_users(session) == []


def test_nobody_new_comes_in_where_only_invited_people_may(database: Database, people: People) -> None:
    with database.write() as session:
        with pytest.raises(Forbidden, match="invited"):
            sign_on(session, CAROL, role="none")
        link(session, user=get_user(session, name="ann"), identity=CAROL)
        assert sign_on(session, CAROL, role="none")[0].name == "ann"
        change_user(session, name="ann", active=False)
        with pytest.raises(Forbidden, match="ann is deactivated"):
            sign_on(session, CAROL, role="none")


def test_a_link_is_between_one_person_and_one_identity(database: Database, people: People) -> None:
    with database.write() as session:
        ann, bob = (get_user(session, name=name) for name in ("ann", "bob"))
        for _ in range(2):
            link(session, user=ann, identity=CAROL)
        assert issuers_of(session) == {ann.id: ISSUER}
        with pytest.raises(Conflict, match="somebody else"):
            link(session, user=bob, identity=CAROL)
        with pytest.raises(Conflict, match="linked to another account"):
            link(session, user=ann, identity=Identity(ISSUER, "8", "carol"))
        unlink(session, user=ann)
        link(session, user=bob, identity=CAROL)
        assert issuers_of(session, user_id=bob.id) == {bob.id: ISSUER}
        assert issuers_of(session, user_id=ann.id) == {}


def test_an_admin_ends_the_link_of_who_has_a_password(database: Database, people: People) -> None:
    with database.write() as session:
        link(session, user=get_user(session, name="ann"), identity=CAROL)
    with database.write() as session:
        assert unlink_person(session, name="ann") == ISSUER
        assert issuers_of(session) == {}
        for name, words in (("ann", "linked to no provider"), ("zoe", "no user named zoe")):
            with pytest.raises(NotFound, match=words):
                unlink_person(session, name=name)
        carol, _ = sign_on(session, CAROL, role="viewer")
        with pytest.raises(Conflict, match="no password"):
            unlink_person(session, name=carol.name)


def test_an_invitation_is_accepted_once_and_a_reset_link_is_none(database: Database, people: People) -> None:
    with database.write() as session:
        secret = invite(session, name="dora", role="reviewer", key=KEY)
        reset = make_link(session, user=get_user(session, name="ann"), key=KEY)
    with database.write() as session:
        dora = accept(session, secret=secret, key=KEY, identity=CAROL)
        assert (dora.name, dora.is_invited, dora.has_password) == ("dora", False, False)
        with pytest.raises(Conflict, match="no password"):
            unlink(session, user=dora)
    with pytest.raises(NotSignedIn), database.write() as session:
        accept(session, secret=secret, key=KEY, identity=Identity(ISSUER, "8", "eve"))
    with pytest.raises(Conflict, match="new password"), database.write() as session:
        accept(session, secret=reset, key=KEY, identity=Identity(ISSUER, "8", "eve"))
    with database.read() as session:
        assert get_user(session, name="ann").has_password


def test_two_first_log_ins_at_once_make_one_account(database: Database, people: People) -> None:
    both = Barrier(2)

    def come(_number: int) -> str:
        both.wait(60)
        try:
            with database.write() as session:
                return sign_on(session, CAROL, role="viewer")[0].name
        except Conflict:
            return "sign in again"

    with ThreadPoolExecutor(2) as pool:
        came = list(pool.map(come, range(2)))
    assert "carol" in came
    assert set(came) <= {"carol", "sign in again"}
    with database.read() as session:
        assert [user.name for user in list_users(session)] == ["ada", "ann", "bob", "carol"]
