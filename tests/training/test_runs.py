"""Runs from the request to the end: queued, running, cancelled, resumed."""

import pytest
from sqlalchemy.orm import Session

from app.db.engine import Database
from app.errors import Conflict, NotFound, NotNow
from app.jobs.models import Job
from app.jobs.requests import finish
from app.ml.recipes import RECIPES
from app.training.models import Run
from app.training.runs import (
    cancel_run,
    current_ranking,
    end_run,
    finished_run,
    get_run,
    give_up,
    is_training,
    list_runs,
    newest_finished,
    open_run,
    request_run,
    resume_run,
    run_progress,
    start_run,
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


def test_a_queued_run_says_what_it_waits_for(database: Database, made: Made) -> None:
    with database.write() as session:
        of_before = session.get_one(Run, made.run_id).job_id
        assert of_before
        finish(session, job_id=of_before, state="finished")
        first, second = ask(session, made), ask(session, made, seed=2)
        assert run_progress(session, run_id=first.id).waits_for == ""
        assert run_progress(session, run_id=second.id).waits_for == "Waiting behind 1 other training"
        start_run(session, run_id=first.id)
        end_run(session, run_id=first.id, state="finished")  # its job goes on with the learning-rate curve
        waits = f"Waiting until the training of {first.name} ends"
        assert run_progress(session, run_id=second.id).waits_for == waits
        third = ask(session, made, seed=3)
        assert run_progress(session, run_id=third.id).waits_for == "Waiting behind 1 other training"


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


def test_only_the_first_end_of_a_run_counts(database: Database, made: Made) -> None:
    with database.write() as session:
        run = start_run(session, run_id=ask(session, made).id)
        began = run.started_at
        assert start_run(session, run_id=run.id).started_at == began is not None
        give_up(session, job_id=run.job_id, message="The worker was killed.")
        end_run(session, run_id=run.id, state="finished")
        session.refresh(run)
        assert (run.state, run.note) == ("failed", "The worker was killed.")


def test_the_newest_finished_run_is_reviewed_and_an_open_one_has_no_network(
    database: Database, made: Made
) -> None:
    with database.write() as session:
        run = ask(session, made)
        with pytest.raises(NotNow, match="wait until it has finished"):
            finished_run(session, run_id=run.id)
        cancel_run(session, run_id=run.id)
        with pytest.raises(Conflict, match="use a model that has finished"):
            finished_run(session, run_id=run.id)
        newest = newest_finished(session, dataset_id=made.dataset_id)
        ranking = current_ranking(session, dataset_id=made.dataset_id)
        assert newest
        assert ranking
        assert newest.id == ranking.run_id == made.run_id
        assert (ranking.label_issues, ranking.samples) == (10, 24)
        assert newest_finished(session, dataset_id=made.dataset_id, before=newest.started_at) is None
        with pytest.raises(NotFound):
            get_run(session, run_id=made.run_id, dataset_id=made.dataset_id + 1)
