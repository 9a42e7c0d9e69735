"""`toploss token`, the links of `toploss user`, and what `toploss user password` says of tokens."""

import re
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.accounts.identities import link
from app.accounts.openid import Identity
from app.accounts.users import get_user
from app.cli import cli
from app.db.engine import Database
from app.errors import Conflict, Invalid, NotFound
from tests.conftest import PASSWORD


@pytest.fixture
def toploss(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sqlite_url: str) -> CliRunner:
    monkeypatch.setenv("TOPLOSS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("TOPLOSS_DATABASE_URL", sqlite_url)
    runner = CliRunner()
    for name, role in (("ada", "admin"), ("ann", "annotator")):
        words = ["user", "add", name, "--role", role, "--password-stdin"]
        assert runner.invoke(cli, words, input=f"{PASSWORD}\n").exit_code == 0
    return runner


def listed(toploss: CliRunner, *words: str) -> list[list[str]]:
    lines = toploss.invoke(cli, ["token", "list", *words]).stdout.splitlines()
    assert lines[0].split("\t") == ["id", "person", "name", "scope", "made", "last used", "ends"]
    return [line.split("\t") for line in lines[1:]]


def test_tokens_are_made_listed_and_revoked(toploss: CliRunner) -> None:
    made = toploss.invoke(cli, ["token", "create", "--user", "ada"])
    assert made.stdout.startswith("tl_")
    assert len(made.stdout.splitlines()) == 1
    words = ["--name", "nightly", "--scope", "read", "--expires-days", "7"]
    assert toploss.invoke(cli, ["token", "create", "--user", "ann", *words]).exit_code == 0
    everybody = listed(toploss)
    assert [line[1:4] for line in everybody] == [["ada", "script", "admin"], ["ann", "nightly", "read"]]
    assert (everybody[0][6], everybody[1][5]) == ("never", "never")
    [anns] = listed(toploss, "--user", "ann")
    assert anns == everybody[1]
    assert "“nightly” of ann, is revoked" in toploss.invoke(cli, ["token", "revoke", anns[0]]).stdout
    assert listed(toploss, "--user", "ann") == []
    assert isinstance(toploss.invoke(cli, ["token", "revoke", anns[0]]).exception, NotFound)


def test_what_cannot_be_is_refused(toploss: CliRunner) -> None:
    wrong = toploss.invoke(cli, ["token", "create", "--user", "ann", "--scope", "admin"])
    assert isinstance(wrong.exception, Invalid)
    assert isinstance(toploss.invoke(cli, ["token", "list", "--user", "eve"]).exception, NotFound)


def test_a_role_is_changed_and_lowers_the_tokens_of_the_person(toploss: CliRunner) -> None:
    toploss.invoke(cli, ["token", "create", "--user", "ann"])
    assert toploss.invoke(cli, ["user", "role", "ann", "viewer"]).stdout == "ann is a viewer now.\n"
    assert [line[3] for line in listed(toploss)] == ["read"]
    for name, role, kind in (("ann", "king", Invalid), ("ada", "reviewer", Conflict)):
        assert isinstance(toploss.invoke(cli, ["user", "role", name, role]).exception, kind)
    people = toploss.invoke(cli, ["user", "list"]).stdout.splitlines()
    assert [line.split("\t")[:2] for line in people] == [["ada", "admin"], ["ann", "viewer"]]


def test_a_new_password_says_what_has_ended(toploss: CliRunner) -> None:
    for _ in range(2):
        toploss.invoke(cli, ["token", "create", "--user", "ann"])
    words = ["user", "password", "ann", "--password-stdin"]
    said = toploss.invoke(cli, words, input="battery staple\n").stdout
    assert said == "ann has a new password. Log-ins ended: 0; API tokens revoked: 2.\n"
    assert listed(toploss) == []


def test_an_invitation_prints_its_link_alone_and_is_withdrawn(toploss: CliRunner) -> None:
    words = ["user", "invite", "eve", "--role", "admin", "--address", "https://toploss.test"]
    made = toploss.invoke(cli, words)
    assert re.fullmatch(r"https://toploss\.test/choose-password#[\w-]{43}\n", made.stdout)
    assert "eve\tadmin\tinvited" in toploss.invoke(cli, ["user", "list"]).stdout
    assert toploss.invoke(cli, ["user", "withdraw", "eve"]).stdout == "The invitation of eve is withdrawn.\n"
    assert "eve" not in toploss.invoke(cli, ["user", "list"]).stdout


def test_a_reset_link_is_for_somebody_who_is_there(toploss: CliRunner) -> None:
    made = toploss.invoke(cli, ["user", "reset-link", "ann"])
    assert re.fullmatch(r"http://127\.0\.0\.1:8000/choose-password#[\w-]{43}\n", made.stdout)
    assert isinstance(toploss.invoke(cli, ["user", "reset-link", "eve"]).exception, NotFound)


def test_a_new_password_says_that_a_link_to_single_sign_on_stays_and_what_ends_it(
    toploss: CliRunner, sqlite_url: str
) -> None:
    with closing(Database(sqlite_url)) as database, database.write() as session:
        link(
            session, user=get_user(session, name="ann"), identity=Identity("https://id.example.org", "7", "a")
        )
    words = ["user", "password", "ann", "--password-stdin"]
    assert "`toploss user unlink ann` ends it" in toploss.invoke(cli, words, input=f"{PASSWORD}\n").stderr
    ended = toploss.invoke(cli, ["user", "unlink", "ann"])
    assert ended.stdout == "ann signs in with their password only.\n"
    assert "unlink" not in toploss.invoke(cli, words, input=f"{PASSWORD}\n").stderr
    assert isinstance(toploss.invoke(cli, ["user", "unlink", "ann"]).exception, NotFound)
