"""Maps are drawn of what the current run sees, stored whole, and drawn anew after the next run."""

from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import func, select

from app.db.engine import Database
from app.errors import Conflict
from app.jobs.requests import list_jobs, start
from app.ranking.embeddings import write_embedding
from app.ranking.maps import (
    find_embedding,
    is_outdated,
    newest_map,
    request_if_outdated,
    request_map,
    store_map,
)
from app.ranking.models import ImageMap, MapPlace
from tests.factories import Made, make_first_look, make_run


def embed(folder: Path, run_id: int, sample_ids: tuple[int, ...]) -> None:
    """An embedding of a run, as the worker stores it."""
    place = folder / str(run_id)
    place.mkdir(parents=True, exist_ok=True)
    vectors = np.random.default_rng(run_id).normal(size=(len(sample_ids), 8)).astype(np.float16)
    write_embedding(place, sample_ids=np.array(sample_ids), vectors=vectors)


def draw(database: Database, made: Made, run_id: int | None = None) -> int:
    """A map with a place for every sample, one after another."""
    n = len(made.sample_ids)
    return store_map(
        database,
        dataset_id=made.dataset_id,
        run_id=run_id or made.run_id,
        sample_ids=np.array(made.sample_ids),
        places=np.stack([np.arange(n), np.arange(n)], axis=1).astype(np.int32) * 100,
    )


def source(database: Database, made: Made, folder: Path) -> int | None:
    with database.read() as session:
        found = find_embedding(session, dataset_id=made.dataset_id, runs_dir=folder)
    return found[0] if found else None


def test_the_map_is_of_the_run_that_is_reviewed_unless_another_one_knows_more_images(
    database: Database, made: Made, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    assert source(database, made, runs) is None
    look = make_first_look(database, made.dataset_id, made.version_id)
    embed(runs, look, made.sample_ids)
    assert source(database, made, runs) == look
    embed(runs, made.run_id, made.sample_ids)
    assert source(database, made, runs) == made.run_id
    embed(runs, made.run_id, made.sample_ids[:-3])
    assert source(database, made, runs) == look


def test_a_map_can_be_requested_once_at_a_time_and_only_of_a_run_that_says_what_is_alike(
    database: Database, made: Made, tmp_path: Path
) -> None:
    with database.write() as session, pytest.raises(Conflict, match="first look or a training"):
        request_map(session, dataset_id=made.dataset_id, runs_dir=tmp_path, user_id=None)
    embed(tmp_path, made.run_id, made.sample_ids)
    with database.write() as session:
        job = request_map(session, dataset_id=made.dataset_id, runs_dir=tmp_path, user_id=None)
        assert job.task == "map"
        again = request_map(session, dataset_id=made.dataset_id, runs_dir=tmp_path, user_id=None)
        assert again.id == job.id


def test_after_a_run_a_map_is_requested_if_it_would_be_another_one(
    database: Database, made: Made, tmp_path: Path
) -> None:
    where = {"dataset_id": made.dataset_id, "runs_dir": tmp_path}
    with database.write() as session:
        assert request_if_outdated(session, **where) is None
    embed(tmp_path, made.run_id, made.sample_ids)
    with database.write() as session:
        first = request_if_outdated(session, **where)
        assert first is not None
        assert request_if_outdated(session, **where).id == first.id
        start(session, job_id=first.id)
        second = request_if_outdated(session, **where)  # what is being drawn may be of the run before
        assert second is not None
        assert second.id != first.id
    draw(database, made)
    with database.write() as session:
        assert request_if_outdated(session, **where) is None
        assert not is_outdated(session, **where)
        assert len([job for job in list_jobs(session) if job.task == "map"]) == 2
    run = make_run(database, made.dataset_id, made.version_id, parent_id=made.run_id)
    embed(tmp_path, run, made.sample_ids)
    with database.read() as session:
        assert is_outdated(session, **where)


def test_the_newest_map_counts_and_the_one_before_stays(database: Database, made: Made) -> None:
    drawn = [draw(database, made) for _ in range(3)]
    with database.read() as session:
        newest = newest_map(session, dataset_id=made.dataset_id)
        assert newest is not None
        assert newest.id == drawn[-1]
        assert list(session.scalars(select(ImageMap.id).order_by(ImageMap.id))) == drawn[1:]
        places = session.scalar(select(func.count()).where(MapPlace.map_id.in_(drawn[1:])))
        assert places == session.scalar(select(func.count(MapPlace.sample_id))) == 2 * len(made.sample_ids)


def test_a_map_that_is_not_stored_whole_is_none(database: Database, made: Made) -> None:
    with database.write() as session:
        session.add(ImageMap(dataset_id=made.dataset_id, run_id=made.run_id, samples=9))
    with database.read() as session:
        assert newest_map(session, dataset_id=made.dataset_id) is None


def test_a_sample_that_no_longer_exists_gets_no_place(database: Database, made: Made) -> None:
    ids = np.array([*made.sample_ids[:3], 9_999_999])
    store_map(
        database,
        dataset_id=made.dataset_id,
        run_id=made.run_id,
        sample_ids=ids,
        places=np.zeros((4, 2), np.int32),
    )
    with database.read() as session:
        assert set(session.scalars(select(MapPlace.sample_id))) == set(made.sample_ids[:3])
