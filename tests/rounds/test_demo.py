"""The demo as a job: it is drawn, imported and trained by the worker."""

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.datasets.models import Dataset, Sample
from app.db.engine import Database
from app.errors import Cancelled
from app.jobs.engine import JobContext
from app.jobs.models import Job
from app.jobs.requests import finish, start
from app.rounds.demo import DRAWN
from app.settings import Settings
from app.tasks import TASKS
from app.training.runs import list_trainings


def demo_job(database: Database, *, images: int) -> Job:
    """The newest job that draws the demo, so few images that a test need not wait."""
    with database.write() as session:
        job = session.scalars(select(Job).where(Job.state == "queued").order_by(Job.created_at.desc())).one()
        assert job.arguments[DRAWN] == 1500
        job.arguments = job.arguments | {DRAWN: images}
        start(session, job_id=job.id)
    return job


def test_the_demo_is_drawn_imported_and_trained_by_the_worker(
    browser_of: dict[str, TestClient], database: Database, settings: Settings
) -> None:
    ada = browser_of["ada"]
    assert ada.post("/demo").headers["location"] == "/d/demo"
    assert ada.post("/demo").status_code == 409  # it is being made
    assert "Waiting for the worker" in ada.get("/d/demo").text
    job = demo_job(database, images=60)
    TASKS["import"](JobContext(job, database, settings))
    with database.write() as session:
        finish(session, job_id=job.id, state="finished")
    with database.read() as session:
        dataset = session.scalars(select(Dataset)).one()
        assert (dataset.name, dataset.state) == ("demo", "ready")
        assert len(session.scalars(select(Sample)).all()) == 60
        assert [run.state for run in list_trainings(session, dataset_id=dataset.id)] == ["queued"]
    assert ada.post("/demo").headers["location"] == "/d/demo"  # it is there
    with database.read() as session:
        assert len(list_trainings(session, dataset_id=dataset.id)) == 1


def test_a_demo_that_was_cancelled_while_it_was_drawn_can_be_made_again(
    browser_of: dict[str, TestClient], database: Database, settings: Settings
) -> None:
    ada = browser_of["ada"]
    ada.post("/demo")
    job = demo_job(database, images=60)
    with database.write() as session:
        session.get_one(Job, job.id).cancel_requested = True
    with pytest.raises(Cancelled):
        TASKS["import"](JobContext(job, database, settings))
    with database.write() as session:
        finish(session, job_id=job.id, state="cancelled")
        assert session.scalars(select(Dataset)).one().state == "failed"
    assert 'action="/d/demo/import/repeat"' in ada.get("/d/demo").text
    assert ada.post("/d/demo/import/repeat").status_code == 303
    TASKS["import"](JobContext(demo_job(database, images=60), database, settings))
    with database.read() as session:
        assert session.scalars(select(Dataset)).one().state == "ready"
