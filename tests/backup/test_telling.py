"""A backup is written down in the activity log."""

from pathlib import Path

import pytest

from app.accounts.activity import BACKUP_MADE, newest_of
from app.backup.telling import tell_backup
from app.db.engine import Database
from app.settings import Settings


def test_the_log_says_where_the_last_backup_is_and_how_large(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    here = settings.model_copy(update={"database_url": database.url.render_as_string(hide_password=False)})
    for size in (10, 2_000_000):
        tell_backup(here, tmp_path / "b.tar", size=size)
    with database.read() as session:
        made = newest_of(session, kind=BACKUP_MADE)
    assert made is not None
    assert made.about == f"{tmp_path / 'b.tar'}, 2,000,000 bytes"
    assert (made.person, made.via) == ("shell", "shell")


def test_a_log_that_takes_no_row_makes_no_backup_fail(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    there = tmp_path / "empty.db"
    there.touch()
    tell_backup(
        settings.model_copy(update={"database_url": f"sqlite:///{there}"}), tmp_path / "b.tar", size=10
    )
    assert "the activity log does not have this backup" in caplog.text
