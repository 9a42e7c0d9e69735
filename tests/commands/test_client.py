"""A command asks the data folder or a server, with the same words and answers."""

import json

import pytest

from app.db.engine import Database
from app.errors import Invalid, NotFound, NotSignedIn, ToplossError
from app.settings import Settings
from tests.commands.conftest import Shell
from tests.conftest import People
from tests.factories import Made
from tests.servers import start_server

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_a_command_that_asks_the_data_folder_writes_no_access_log(
    shell: Shell, made: Made, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        assert shell("runs", "list", "faces").exit_code == 0
    assert [record.getMessage() for record in caplog.records if record.name == "app.web.access_log"] == []


def test_the_same_commands_ask_a_server_with_a_token(
    shell: Shell, settings: Settings, people: People, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    with start_server(
        settings.data_dir, database_url=settings.database_url, TOPLOSS_SECRET_KEY=settings.secret_key
    ) as server:
        monkeypatch.setenv("TOPLOSS_TOKEN", people.tokens["ann"])
        for words in (
            ("runs", "list", "faces"),
            ("runs", "show", made.run_id, "--json"),
            ("top-losses", "faces", "--limit", 5),
            ("review", "list", "faces", "--json"),
        ):
            here, there = shell(*words), shell(*words, "--server", server.url)
            assert there.exit_code == 0, there.exception
            assert there.stdout == here.stdout
        decided = json.loads(
            shell("review", "keep", "faces", made.ranked[0], "--json", "--server", server.url).stdout
        )
        assert decided["sample"] == made.ranked[0]
        assert "undone" in shell("review", "undo", decided["id"], "--server", f"{server.url}/api/v1/").stdout
        asked = shell("review", "keep", "faces", 1, "--as", "bob", "--server", server.url)
        assert isinstance(asked.exception, Invalid)
        forbidden = shell("runs", "cancel", made.run_id, "--server", server.url)
        assert "admin" in str(forbidden.exception)
        found = json.loads(shell("doctor", "--json", "--server", server.url).stdout)["checks"]
        assert [each["name"] for each in found] == ["server", "database", "disk", "worker"]
        lost = shell("runs", "list", "faces", "--server", f"{server.url}/d/faces").exception
        assert isinstance(lost, NotFound)
        assert f"Is {server.url}/ the address of the server?" in str(lost)
        monkeypatch.setenv("TOPLOSS_TOKEN", "tl_wrong")
        assert shell("doctor", "--server", server.url).exit_code == 1
        for words in (("runs", "list", "faces"), ("review", "list", "faces"), ("top-losses", "faces")):
            refused = shell(*words, "--server", server.url)
            assert isinstance(refused.exception, NotSignedIn)
            assert refused.stdout == ""  # no header either


@pytest.mark.parametrize(
    ("server", "token", "kind", "words"),
    [
        ("http://127.0.0.1:1", "tl_x", ToplossError, "cannot be reached"),
        ("http://127.0.0.1:1", "", NotSignedIn, "TOPLOSS_TOKEN"),
        ("127.0.0.1:8000", "tl_x", Invalid, "http://"),
        ("http://", "tl_x", Invalid, "then the name of the server"),
        ("http://127.0.0.1:99999", "tl_x", Invalid, "Port out of range"),
        ("http://ada:secret@127.0.0.1:1", "tl_x", Invalid, "Leave name and password out"),
        ("http://127.0.0.1:1/?all=1", "tl_x", Invalid, "leave out what follows ?"),
        ("http://127.0.0.1:1", "tl_ä", NotSignedIn, "is no API token; copy it again"),
        ("http://127.0.0.1:1", "tl_a\nb", NotSignedIn, "is no API token; copy it again"),
    ],
)
def test_what_keeps_a_command_from_a_server_is_said(
    shell: Shell,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    server: str,
    token: str,
    kind: type[ToplossError],
    words: str,
) -> None:
    monkeypatch.setenv("TOPLOSS_TOKEN", token)
    refused = shell("runs", "list", "faces", "--server", server)
    assert isinstance(refused.exception, kind)
    assert words in str(refused.exception)
