"""First looks as rows: requested like any run, behind trainings in the review, and never trained further."""

import pytest

from app.datasets.creating import create_dataset
from app.db.engine import Database
from app.errors import Conflict
from app.jobs.models import Job
from app.measuring.best import choose_best
from app.measuring.comparison import compare
from app.training.ending import cancel_run
from app.training.first_looks import covers, newest_first_look, request_first_look
from app.training.models import Run
from app.training.progress import run_progress
from app.training.requesting import resume_run
from app.training.runs import (
    current_ranking,
    finished_run,
    has_open_run,
    is_training,
    list_runs,
    list_trainings,
    newest_finished,
)
from tests.factories import Made, import_folder, make_first_look, make_run, write_images


def test_a_first_look_is_a_run_with_a_job_and_no_training(database: Database, made: Made) -> None:
    with database.write() as session:
        run = request_first_look(session, dataset_id=made.dataset_id, version_id=made.version_id)
        assert run is not None
        job = session.get_one(Job, run.job_id)
        assert (job.task, job.arguments) == ("look", {"run": run.id})
        assert has_open_run(session, dataset_id=made.dataset_id)
        assert not is_training(session, dataset_id=made.dataset_id)
        assert [each.id for each in list_runs(session, dataset_id=made.dataset_id)] == [run.id, made.run_id]
        assert [each.id for each in list_trainings(session, dataset_id=made.dataset_id)] == [made.run_id]
        progress = run_progress(session, run_id=run.id)
        assert (progress.is_training, progress.seconds_left) == (False, None)


def test_a_cancelled_one_is_resumed_by_a_job_of_its_own_kind(database: Database, made: Made) -> None:
    with database.write() as session:
        run = request_first_look(session, dataset_id=made.dataset_id, version_id=made.version_id)
        assert run is not None
        cancel_run(session, run_id=run.id)
        again = resume_run(session, run_id=run.id, user_id=None)
        assert session.get_one(Job, again.job_id).task == "look"


def test_without_two_classes_there_is_nothing_to_compare(database: Database) -> None:
    with database.write() as session:
        dataset = create_dataset(session, name="empty", source="/nowhere")
        assert request_first_look(session, dataset_id=dataset.id, version_id=1) is None


def test_it_ranks_the_review_until_a_training_has_finished(
    database: Database, tmp_path_factory: pytest.TempPathFactory
) -> None:
    dataset_id = import_folder(database, write_images(tmp_path_factory.mktemp("images")))
    first = make_first_look(database, dataset_id, 1, wrong=3)
    with database.read() as session:
        now = current_ranking(session, dataset_id=dataset_id)
        assert now is not None
        assert (now.run_id, now.label_issues) == (first, 3)
        assert newest_finished(session, dataset_id=dataset_id) is None
    trained = make_run(database, dataset_id, 1, wrong=2)
    later = make_first_look(database, dataset_id, 1, wrong=3)
    with database.read() as session:
        now = current_ranking(session, dataset_id=dataset_id)
        assert now is not None
        assert now.run_id == trained
        look = newest_first_look(session, dataset_id=dataset_id)
        assert look is not None
        assert look.id == later


def test_it_has_no_network_to_train_further_or_to_predict_with_and_can_be_compared(
    database: Database, made: Made
) -> None:
    first = make_first_look(database, made.dataset_id, made.version_id)
    with database.read() as session:
        best = choose_best(session, dataset_id=made.dataset_id)
        assert best is not None
        assert best.run.id == made.run_id
        with pytest.raises(Conflict, match=f"Model {first} is a first look, which has no network of its own"):
            finished_run(session, run_id=first)
        compared = compare(session, dataset_id=made.dataset_id, old_id=first, new_id=made.run_id)
        assert (compared.old.is_look, compared.new.is_look) == (True, False)


def test_it_covers_the_images_of_its_version_unless_it_failed(database: Database, made: Made) -> None:
    with database.write() as session:
        n = len(made.sample_ids)
        assert not covers(session, dataset_id=made.dataset_id, samples=n)
        run = request_first_look(session, dataset_id=made.dataset_id, version_id=made.version_id)
        assert run is not None
        assert covers(session, dataset_id=made.dataset_id, samples=n)
        assert not covers(session, dataset_id=made.dataset_id, samples=n + 1)
        cancel_run(session, run_id=run.id)
        assert not covers(session, dataset_id=made.dataset_id, samples=n)
        assert session.get_one(Run, run.id).state == "cancelled"
