"""The key that tokens are hashed with: whole and on the disk, or not used; never replaced in silence."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from app.accounts.keys import open_key
from app.backup.saving import save
from app.db.engine import Database
from app.errors import Conflict
from app.settings import SHORTEST_KEY, Settings
from tests.conftest import People


def settings_of(folder: Path, url: str = "") -> Settings:
    return Settings(_env_file=None, data_dir=folder, database_url=url)  # type: ignore[call-arg]


@pytest.mark.parametrize("content", [b"", b"\n", bytes(64), b"cut off", b"x" * (SHORTEST_KEY - 1), None])
def test_a_key_that_is_empty_or_cut_off_is_refused_and_stays(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "secret.key"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(Conflict, match=r"Put back the file of a backup.*remove this one"):
        settings_of(tmp_path).secret()
    assert path.is_dir() if content is None else path.read_bytes() == content


def test_a_key_has_its_name_only_once_it_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def watch(name: str, real: Callable[..., None]) -> None:
        monkeypatch.setattr(os, name, lambda *given: (done.append(name), real(*given))[1])

    watch("fsync", os.fsync)
    watch("link", os.link)
    key = settings_of(tmp_path).secret()
    assert done == ["fsync", "link", "fsync"]
    assert key == (tmp_path / "secret.key").read_bytes() == settings_of(tmp_path).secret()
    assert len(key) >= SHORTEST_KEY


def test_a_key_that_another_process_created_meanwhile_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, link = b"t" * 64, os.link

    def late(source: Path, target: Path) -> None:
        target.write_bytes(theirs)
        link(source, target)

    monkeypatch.setattr(os, "link", late)
    assert settings_of(tmp_path).secret() == theirs


def test_a_new_key_is_no_secret_where_it_ends_sessions_or_tokens(
    database: Database, settings: Settings, people: People, caplog: pytest.LogCaptureFixture
) -> None:
    lost = settings_of(settings.data_dir, settings.database_url)
    with database.read() as session:
        key = open_key(session, settings=lost)
        assert [line.levelname for line in caplog.records] == ["WARNING"]
        assert "put it back" in caplog.text
        caplog.clear()
        assert open_key(session, settings=settings_of(settings.data_dir, settings.database_url)) == key
    assert caplog.text == ""


def test_a_first_start_creates_a_key_without_a_word(
    database: Database, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with database.write() as session:
        assert open_key(session, settings=settings_of(settings.data_dir, settings.database_url))
    assert caplog.text == ""


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_key_that_could_not_be_restored_is_not_backed_up(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    ours = settings_of(settings.data_dir, settings.database_url)
    ours.key_file.write_bytes(b"")
    with pytest.raises(Conflict, match="is empty or not whole"):
        save(ours, tmp_path / "backup.tar")
    assert not (tmp_path / "backup.tar").exists()
