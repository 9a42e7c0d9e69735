"""A database on PostgreSQL in a backup, or dumped apart from it."""

import shutil
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from app.backup.postgres import dump_command, load_command
from app.backup.restoring import restore
from app.backup.saving import save
from app.datasets.creating import create_dataset
from app.datasets.importing import import_images
from app.datasets.sources import resolve_source
from app.db.engine import Database
from app.errors import Conflict, ToplossError
from app.settings import Settings
from tests.backup.conftest import Elsewhere
from tests.conftest import People
from tests.factories import Made, write_images


def import_zip(database: Database, settings: Settings, folder: Path) -> Path:
    """A data set named zipped from a zip that is stored in the data folder; the answer is where."""
    shutil.make_archive(str(folder / "zipped"), "zip", write_images(folder / "to-zip", per_class=3))
    source = resolve_source(str(folder / "zipped.zip"), uploads_dir=settings.uploads_dir)
    with database.write() as session:
        dataset = create_dataset(session, name="zipped", source=source)
    import_images(
        database,
        dataset_id=dataset.id,
        max_pixels=1_000_000,
        on_progress=lambda *_: None,
        should_stop=lambda: False,
    )
    return Path(source.source)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_postgresql_may_be_dumped_apart_from_the_files(
    here: Settings, database: Database, made: Made, people: People, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    """By the commands that Toploss prints and docs/backup.md shows."""
    zipped = import_zip(database, here, tmp_path)
    subprocess.run(dump_command(here.database), shell=True, check=True, cwd=tmp_path)  # noqa: S602
    save(here, tmp_path / "files.tar", files_only=True)
    there = elsewhere("there")
    with pytest.raises(Conflict, match="First fill the database"):
        restore(there, tmp_path / "files.tar")
    assert not there.data_dir.exists()
    subprocess.run(load_command(there.database), shell=True, check=True, cwd=tmp_path)  # noqa: S602
    restore(there, tmp_path / "files.tar")
    with create_engine(there.database, poolclass=NullPool).connect() as connection:
        source = connection.scalar(text("SELECT source FROM dataset WHERE name = 'zipped'"))
    assert source == str(there.uploads_dir.resolve() / zipped.name)
    assert Path(source).is_file()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_without_pg_dump_the_way_that_works_is_said(
    here: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Conflict, match=r"pg_dump --format=custom .*--files-only"):
        save(here, tmp_path / "backup.tar")
    assert not list(tmp_path.glob("*.tar")) + list(tmp_path.glob(".*part"))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_dump_that_cannot_be_loaded_leaves_nothing(
    here: Settings, elsewhere: Elsewhere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(here, tmp_path / "backup.tar")
    there = elsewhere("there")

    def fail(*_: object) -> None:
        raise Conflict("pg_restore refused")

    monkeypatch.setattr("app.backup.restoring.postgres.load", fail)
    with pytest.raises(ToplossError, match="pg_restore refused"):
        restore(there, tmp_path / "backup.tar")
    assert not there.data_dir.exists() or not list(there.data_dir.iterdir())
