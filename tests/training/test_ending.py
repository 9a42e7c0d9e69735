"""Runs start and end once."""

from app.db.engine import Database
from app.training.ending import end_run, give_up, start_run
from tests.factories import Made
from tests.training.test_requesting import ask


def test_only_the_first_end_of_a_run_counts(database: Database, made: Made) -> None:
    with database.write() as session:
        run = start_run(session, run_id=ask(session, made).id)
        began = run.started_at
        assert start_run(session, run_id=run.id).started_at == began is not None
        give_up(session, job_id=run.job_id, message="The worker was killed.")
        end_run(session, run_id=run.id, state="finished")
        session.refresh(run)
        assert (run.state, run.note) == ("failed", "The worker was killed.")
