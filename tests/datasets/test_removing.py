"""Deleted data sets leave nothing behind, whenever the process is killed."""

import multiprocessing
import os
import shutil
import signal
import zipfile
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from app.datasets import removing
from app.datasets.catalog import get_dataset, list_datasets
from app.datasets.creating import create_dataset
from app.datasets.importing import import_images
from app.datasets.models import Dataset, Sample
from app.datasets.removing import begin_removal, disk_use, finish_removals
from app.datasets.sources import resolve_source
from app.db.engine import Database
from app.db.types import Base, now
from app.errors import NotFound
from app.jobs import requests as jobs
from app.jobs.models import Job
from app.review.checks import Answer
from app.review.decisions import decide
from app.settings import Settings
from tests.conftest import People
from tests.copies import PEOPLE
from tests.factories import Made, import_folder, make_run, write_images


def begin(database: Database, name: str = "faces") -> None:
    with database.write() as session:
        begin_removal(session, get_dataset(session, name=name))


def rows(database: Database) -> dict[str, int]:
    """The tables that have rows, but for people."""
    with database.read() as session:
        counts = {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
            if table.name not in PEOPLE
        }
    return {name: count for name, count in counts.items() if count}


def fill(settings: Settings, made: Made) -> list[Path]:
    """Files of the data set's run and images."""
    files = [
        settings.runs_dir / str(made.run_id) / "main" / "checkpoint.json",
        settings.photos_dir / str(made.run_id) / "a",
        settings.cache_dir / f"{made.dataset_id}-0123-32px.npy",
    ]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"1234")
    return files


def answer(database: Database, made: Made, people: People) -> None:
    with database.write() as session:
        said = Answer(sample_id=made.ranked[0], verdict="relabel", label="owl", client_id="a")
        decide(session, said, dataset_id=made.dataset_id, user_id=people.annotator.id)


def test_nothing_is_left_and_other_data_sets_are_whole(
    database: Database, settings: Settings, made: Made, people: People, tmp_path: Path
) -> None:
    answer(database, made, people)
    files = fill(settings, made)
    images = sorted((tmp_path / "images").rglob("*.png"))
    other = import_folder(database, write_images(tmp_path / "others", seed=3), name="pets")
    with database.read() as session:
        dataset = get_dataset(session, name="faces")
        use = disk_use(session, settings, dataset=dataset)
        assert (use.runs, use.photos, use.cache, use.uploads) == (4, 4, 4, 0)
        assert use.outside == sum(image.stat().st_size for image in images)
    begin(database)
    with database.read() as session:
        with pytest.raises(NotFound):
            get_dataset(session, name="faces")
        assert [each.name for each in list_datasets(session)] == ["pets"]
    assert finish_removals(database, settings) == 0
    assert not any(file.exists() for file in files)
    assert sorted((tmp_path / "images").rglob("*.png")) == images
    left = rows(database)
    assert left["dataset"] == 1
    assert {"run", "prediction", "decision", "sample_review", "epoch", "open_issue"} & left.keys() == set()
    with database.read() as session:
        assert session.scalars(select(Dataset.id)).all() == [other]
    import_folder(database, tmp_path / "images", name="faces")  # the name and the folder are free


def test_cached_pictures_go_unless_another_data_set_has_the_image(
    database: Database, settings: Settings, made: Made, tmp_path: Path
) -> None:
    copy = tmp_path / "others" / "train" / "cat" / "same.png"
    write_images(tmp_path / "others", seed=3)
    shutil.copy(tmp_path / "images" / made.paths[0], copy)
    import_folder(database, tmp_path / "others", name="pets")
    with database.read() as session:
        query = select(Sample.sha256).where(Sample.dataset_id == made.dataset_id).order_by(Sample.id)
        shared, own, *_ = session.scalars(query).all()
    pictures = [settings.pictures_dir / sha[:2] / f"{sha}-display.png" for sha in (shared, own)]
    for picture in pictures:
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.write_bytes(b"1234")
    begin(database)
    finish_removals(database, settings)
    assert [picture.exists() for picture in pictures] == [True, False]


def test_a_stored_zip_goes_with_the_last_data_set_that_reads_it(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    folder = write_images(tmp_path / "images")
    archive = Path(shutil.make_archive(str(tmp_path / "faces"), "zip", folder))
    assert zipfile.is_zipfile(archive)
    for name in ("one", "two"):
        source = resolve_source(str(archive), uploads_dir=settings.uploads_dir)
        with database.write() as session:
            dataset_id = create_dataset(session, name=name, source=source).id
        import_images(
            database,
            dataset_id=dataset_id,
            max_pixels=10**6,
            on_progress=lambda *_: None,
            should_stop=lambda: False,
        )
    [stored] = settings.uploads_dir.glob("*.zip")
    begin(database, "one")
    finish_removals(database, settings)
    assert stored.exists()
    begin(database, "two")
    finish_removals(database, settings)
    assert not stored.exists()
    assert rows(database) == {}


def die_at(url: str, settings: Settings, step: int) -> None:
    """Remove in a process of its own that is killed before its delete number `step`."""
    steps = iter(range(step + 1))
    true_delete: Any = removing.delete

    def delete(*arguments: Any) -> Any:
        if next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return true_delete(*arguments)

    removing.delete = delete
    database = Database(url)
    finish_removals(database, settings)


def test_a_process_killed_in_the_middle_leaves_what_the_next_start_removes(
    database: Database, settings: Settings, made: Made, people: People
) -> None:
    answer(database, made, people)
    files = fill(settings, made)
    begin(database)
    before = rows(database)
    url = database.url.render_as_string(hide_password=False)
    context = multiprocessing.get_context("fork")
    for step in (0, 3, 9):
        process = context.Process(target=die_at, args=(url, settings, step))
        process.start()
        process.join(120)
        assert process.exitcode == -signal.SIGKILL
        with database.read() as session:
            assert list_datasets(session, archived=None) == []
            assert session.scalars(select(Dataset.state)).all() == ["deleting"]
    assert len(rows(database)) < len(before)
    finish_removals(database, settings)
    assert rows(database) == {}
    assert not any(file.exists() for file in files)


def test_jobs_are_cancelled_and_files_wait_until_the_worker_has_stopped(
    database: Database, settings: Settings, made: Made
) -> None:
    files = fill(settings, made)
    with database.write() as session:
        job = jobs.ask(session, task="train", dataset_id=made.dataset_id, arguments={}, user_id=None)
        assert jobs.start(session, job_id=job.id)
        jobs.beat(session, worker_id="w", started_at=now())
    begin(database)
    assert finish_removals(database, settings) == 1
    assert all(file.exists() for file in files)
    with database.read() as session:
        assert session.get_one(Job, job.id).cancel_requested
    with database.write() as session:
        jobs.finish(session, job_id=job.id, state="cancelled")
    assert finish_removals(database, settings) == 0
    assert rows(database).keys() <= {"worker"}


def test_many_rows_are_removed_in_parts_and_runs_after_those_that_began_from_them(
    database: Database, settings: Settings, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(database, made.dataset_id, made.version_id, parent_id=made.run_id, seed=1)
    monkeypatch.setattr(removing, "AT_ONCE", 1)
    begin(database)
    finish_removals(database, settings)
    assert rows(database) == {}
