"""Uploads are removed with the last data set that uses them, and never one that is about to be used."""

import multiprocessing
import os
import shutil
import signal
import threading
import time
from pathlib import Path

from fastapi.testclient import TestClient

from app.datasets.creating import create_dataset
from app.datasets.models import Dataset
from app.datasets.removing import finish_removals
from app.datasets.sources import resolve_source
from app.datasets.upload_use import STALE_SECONDS, remove_stale, storing
from app.db.engine import Database
from app.settings import Settings
from app.tasks.housekeeping import keep_house
from tests.datasets.test_removing import begin
from tests.factories import write_images


def zipped(tmp_path: Path, *, seed: int = 0) -> Path:
    return Path(shutil.make_archive(str(tmp_path / "zipped"), "zip", write_images(tmp_path / "z", seed=seed)))


def imported(database: Database, settings: Settings, archive: Path, *, name: str) -> Path:
    """A data set of a zip; where the zip is stored."""
    source = resolve_source(str(archive), uploads_dir=settings.uploads_dir)
    with database.write() as session:
        create_dataset(session, name=name, source=source)
    return Path(source.source)


def test_a_zip_stays_that_is_stored_again_while_its_data_set_is_removed(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    archive = zipped(tmp_path)
    stored = imported(database, settings, archive, name="one")
    with storing(database, settings):
        source = resolve_source(str(archive), uploads_dir=settings.uploads_dir)
        begin(database, "one")
        assert finish_removals(database, settings) == 1  # it waits for a moment, and is tried again
        with database.write() as session:
            create_dataset(session, name="two", source=source)
    assert finish_removals(database, settings) == 0
    assert stored.exists()
    begin(database, "two")
    assert finish_removals(database, settings) == 0
    assert not stored.exists()


def die_while_storing(url: str, settings: Settings) -> None:
    with storing(Database(url), settings):
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_that_is_killed_while_it_stores_holds_up_no_removal(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    stored = imported(database, settings, zipped(tmp_path), name="one")
    url = database.url.render_as_string(hide_password=False)
    process = multiprocessing.get_context("fork").Process(target=die_while_storing, args=(url, settings))
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL
    begin(database, "one")
    assert finish_removals(database, settings) == 0
    assert not stored.exists()


def test_label_files_and_lists_go_with_the_last_data_set_that_names_them(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    settings.uploads_dir.mkdir(parents=True, exist_ok=True)
    labels, urls = (settings.uploads_dir / f"{'ab' * 32}{suffix}" for suffix in (".labels", ".urls"))
    for file in (labels, urls):
        file.write_text("x")
    with database.write() as session:
        one, two = (Dataset(name=name, source=str(urls)) for name in ("one", "two"))
        session.add_all([one, two])
        one.layout = {"labels": {"stored": str(labels)}}
        two.proposals = {"choices": [{"labels": {"stored": str(labels)}}]}
    begin(database, "one")
    finish_removals(database, settings)
    assert (labels.exists(), urls.exists()) == (True, True)
    begin(database, "two")
    finish_removals(database, settings)
    assert list(settings.uploads_dir.iterdir()) == []


def test_uploads_of_refused_imports_go_after_a_day_and_those_in_use_stay(
    browser_of: dict[str, TestClient], database: Database, settings: Settings, tmp_path: Path
) -> None:
    used = imported(database, settings, zipped(tmp_path), name="one")
    labels = ("l.csv", b"nothing,useful\n1,2\n")
    form = {"name": "two"}
    files = {"file": ("a.zip", zipped(tmp_path, seed=1).read_bytes()), "labels": labels}
    refused = browser_of["ada"].post("/datasets/new", data=form, files=files)
    assert refused.status_code == 422, refused.text
    left = set(settings.uploads_dir.iterdir()) - {used}
    assert sorted(file.suffix for file in left) == [".labels", ".zip"]  # for the next try
    (settings.uploads_dir / "note.txt").write_text("not ours")
    remove_stale(database, settings)
    assert left < set(settings.uploads_dir.iterdir())
    ago = time.time() - STALE_SECONDS - 60
    for file in settings.uploads_dir.iterdir():
        os.utime(file, (ago, ago))
    stop = threading.Event()
    stop.set()
    keep_house(database, settings, stop)  # a worker that starts
    assert {file.name for file in settings.uploads_dir.iterdir()} == {used.name, "note.txt"}
