"""The data folder is private and ready when a process starts."""

import stat
from pathlib import Path

import pytest
from sqlalchemy import make_url

from app.data_folder import RESTORING, open_data_folder
from app.db.migrating import migrate
from app.errors import Conflict
from app.settings import Settings


def settings_of(folder: Path) -> Settings:
    return Settings(_env_file=None, data_dir=folder)  # type: ignore[call-arg]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_folder_is_for_its_owner_only(tmp_path: Path) -> None:
    open_data_folder(settings_of(tmp_path / "a" / "data"))
    assert mode(tmp_path / "a" / "data") == 0o700


def test_an_open_folder_is_closed_with_the_files_of_the_product_and_nothing_else(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "secret.key", tmp_path / "notes.txt"
    for path in (ours, theirs):
        path.write_text("x")
        path.chmod(0o644)
    tmp_path.chmod(0o755)
    open_data_folder(settings_of(tmp_path))
    assert (mode(tmp_path), mode(ours), mode(theirs)) == (0o700, 0o600, 0o644)


@pytest.mark.parametrize("name", ["which?", "50%41", "a#b", "é x"])
def test_the_databases_lie_in_the_folder_whatever_its_name(tmp_path: Path, name: str) -> None:
    settings = settings_of(tmp_path / name)
    open_data_folder(settings)
    migrate(settings.database)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name / "toploss.db").stat().st_size
    assert make_url(settings.jobs_database).database == str(tmp_path / name / "jobs.db")


def test_nothing_starts_in_a_folder_that_is_being_restored(tmp_path: Path) -> None:
    (tmp_path / RESTORING).touch()
    with pytest.raises(Conflict, match="restore the backup again"):
        open_data_folder(settings_of(tmp_path))
