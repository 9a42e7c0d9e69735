"""Runs are requested once, and resumed with a new job."""

import pytest
from sqlalchemy.orm import Session

from app.db.engine import Database
from app.errors import Conflict, NotNow
from app.jobs.models import Job
from app.ml.recipes import RECIPES
from app.training.ending import cancel_run
from app.training.models import Run
from app.training.requesting import request_run, resume_run
from app.training.runs import (
    is_training,
    list_runs,
    open_run,
)
from tests.factories import Made


def ask(session: Session, made: Made, *, seed: int = 1) -> Run:
    return request_run(
        session,
        dataset_id=made.dataset_id,
        version_id=made.version_id,
        recipe=RECIPES["quick"],
        weights="none",
        parent_id=None,
        seed=seed,
        user_id=None,
    )


def test_the_same_run_is_queued_once_and_another_seed_is_another_run(database: Database, made: Made) -> None:
    with database.write() as session:
        first = ask(session, made)
        with pytest.raises(NotNow, match=f"Model {first.id} is already queued"):
            ask(session, made)
        second = ask(session, made, seed=2)
        assert open_run(session, dataset_id=made.dataset_id) is first
        assert [run.id for run in list_runs(session, dataset_id=made.dataset_id)] == [
            second.id,
            first.id,
            made.run_id,
        ]
        assert is_training(session, dataset_id=made.dataset_id)
        assert session.get_one(Job, first.job_id).arguments == {"run": first.id}


def test_a_queued_run_is_cancelled_at_once_and_resumed_with_a_new_job(database: Database, made: Made) -> None:
    with database.write() as session:
        run = ask(session, made)
        job = run.job_id
        cancel_run(session, run_id=run.id)
        assert (run.state, run.note) == ("cancelled", "Cancelled before it began.")
        with pytest.raises(Conflict, match="has already ended"):
            cancel_run(session, run_id=run.id)
        resume_run(session, run_id=run.id, user_id=None)
        assert (run.state, run.note, run.finished_at) == ("queued", "", None)
        assert run.job_id != job
        with pytest.raises(Conflict, match="only a cancelled or failed one"):
            resume_run(session, run_id=run.id, user_id=None)
