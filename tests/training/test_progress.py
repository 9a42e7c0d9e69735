"""What a queued run waits for."""

from pathlib import Path

from app.db.engine import Database
from app.jobs.requests import finish
from app.training.ending import end_run, start_run
from app.training.models import Run
from app.training.progress import run_progress
from tests.factories import Made, make_dataset
from tests.training.test_requesting import ask


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


def test_a_model_of_another_data_set_is_not_named_in_what_a_run_waits_for(
    database: Database, made: Made, tmp_path: Path
) -> None:
    other = make_dataset(database, tmp_path / "other", name="other", per_class=2, wrong=0)
    with database.write() as session:
        for run_id in (made.run_id, other.run_id):
            finish(session, job_id=str(session.get_one(Run, run_id).job_id), state="finished")
        first, second = ask(session, other), ask(session, made)
        start_run(session, run_id=first.id)
        end_run(session, run_id=first.id, state="finished")
        waits = "Waiting until the training of a model of another data set ends"
        assert run_progress(session, run_id=second.id).waits_for == waits
