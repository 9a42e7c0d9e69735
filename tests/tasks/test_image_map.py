"""The job that draws a map."""

import uuid
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from app.db.engine import Database
from app.errors import Cancelled
from app.jobs.engine import JobContext
from app.jobs.models import Job
from app.jobs.requests import list_jobs
from app.ranking.embeddings import write_embedding
from app.ranking.maps import newest_map, request_map
from app.ranking.models import MapPlace
from app.settings import Settings
from app.tasks import TASKS
from app.tasks.ending import end
from app.training.ending import start_run
from app.training.models import Run
from tests.factories import Made, make_first_look


def embed(settings: Settings, run_id: int, sample_ids: tuple[int, ...]) -> None:
    folder: Path = settings.runs_dir / str(run_id)
    folder.mkdir(parents=True, exist_ok=True)
    vectors = np.random.default_rng(0).normal(size=(len(sample_ids), 8)).astype(np.float16)
    write_embedding(folder, sample_ids=np.array(sample_ids), vectors=vectors)


@pytest.fixture
def context(database: Database, settings: Settings, made: Made) -> JobContext:
    """A map was requested."""
    embed(settings, made.run_id, made.sample_ids)
    with database.write() as session:
        job = request_map(session, dataset_id=made.dataset_id, runs_dir=settings.runs_dir, user_id=None)
    return JobContext(job, database, settings)


def places(database: Database, made: Made) -> dict[int, tuple[int, int]]:
    with database.read() as session:
        drawn = newest_map(session, dataset_id=made.dataset_id)
        assert drawn is not None
        rows = session.scalars(select(MapPlace).where(MapPlace.map_id == drawn.id))
        return {each.sample_id: (each.x, each.y) for each in rows}


def test_every_image_gets_a_place_and_the_same_one_again(
    database: Database, made: Made, context: JobContext
) -> None:
    TASKS["map"](context)
    first = places(database, made)
    assert set(first) == set(made.sample_ids)
    assert len(set(first.values())) > len(first) / 2
    TASKS["map"](context)  # as after a worker that was killed
    assert places(database, made) == first


def test_it_shows_its_progress_and_can_be_cancelled(
    database: Database, made: Made, context: JobContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(context, "report", lambda stage, *_, **__: told.append(stage))
    monkeypatch.setattr(context, "should_stop", lambda: "Drawing the map" in told)
    with pytest.raises(Cancelled):
        TASKS["map"](context)
    with database.read() as session:
        assert newest_map(session, dataset_id=made.dataset_id) is None


def test_a_map_is_requested_when_a_run_has_ended_well(
    database: Database, settings: Settings, made: Made
) -> None:
    look = make_first_look(database, made.dataset_id, made.version_id)
    embed(settings, look, made.sample_ids)
    context = JobContext(Job(id=str(uuid.uuid4())), database, settings)
    for state, jobs in (("failed", 0), ("finished", 1)):
        with database.write() as session:
            session.get_one(Run, look).state = "queued"
            start_run(session, run_id=look)
        end(context, look, state, "")
        with database.read() as session:
            assert len([job for job in list_jobs(session) if job.task == "map"]) == jobs
