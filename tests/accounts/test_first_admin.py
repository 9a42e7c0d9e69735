"""The first admin: only while there is nobody, and only one."""

import threading

import pytest

from app.accounts.first_admin import add_first_admin, check_code, new_code
from app.accounts.users import add_user, list_users
from app.db.engine import Database
from app.errors import Conflict, Forbidden, ToplossError


def test_a_code_is_new_each_time_and_read_as_people_type_it() -> None:
    codes = {new_code() for _ in range(100)}
    assert len(codes) == 100
    code = codes.pop()
    check_code(f" {code.replace('-', ' ').upper()}\n", code=code)
    for wrong in ("", code[:-1], codes.pop(), "é"):
        with pytest.raises(Forbidden, match="not the code"):
            check_code(wrong, code=code)


@pytest.mark.parametrize("role", ["admin", "annotator"])
def test_there_is_no_first_admin_after_anybody_else(database: Database, role: str) -> None:
    with database.write() as session:
        add_user(session, name="ann", role=role, password_hash="").active = False
    with database.write() as session, pytest.raises(Conflict, match="created already"):
        add_first_admin(session, name="eve", password_hash="")


def test_of_two_at_once_one_becomes_the_first_admin(database: Database) -> None:
    both_began, answers = threading.Barrier(2), []

    def create(name: str) -> None:
        both_began.wait(60)
        try:
            with database.write() as session:
                add_first_admin(session, name=name, password_hash="")
                answers.append("created")
        except ToplossError as error:
            answers.append(type(error).__name__)

    threads = [threading.Thread(target=create, args=(name,)) for name in ("ada", "eve")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answers) == ["Conflict", "created"]
    with database.read() as session:
        assert [user.role for user in list_users(session)] == ["admin"]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # SQLite has one writer at a time
def test_whoever_is_added_meanwhile_is_not_overlooked(database: Database) -> None:
    answers: list[str] = []

    def create() -> None:
        try:
            with database.write() as session:
                add_first_admin(session, name="eve", password_hash="")
                answers.append("created")
        except ToplossError as error:
            answers.append(type(error).__name__)

    waiting = threading.Thread(target=create)
    with database.write() as session:
        add_user(session, name="ada", role="admin", password_hash="")
        waiting.start()
        while (
            not session.connection()
            .exec_driver_sql(
                "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'user_account'::regclass"
            )
            .first()
        ):
            assert waiting.is_alive()
    waiting.join(60)
    assert answers == ["Conflict"]
