import threading

import pytest

from app.db.engine import Database
from app.errors import Conflict, NotFound
from app.jobs import requests


def ask(database: Database) -> str:
    with database.write() as session:
        return requests.ask(session, task="train", dataset_id=None, arguments={}, user_id=None).id


def test_a_job_exists_only_if_what_it_is_about_was_committed(database: Database) -> None:
    def ask_and_fail() -> None:
        nonlocal job
        with database.write() as session:
            job = requests.ask(session, task="train", dataset_id=None, arguments={}, user_id=None)
            raise RuntimeError

    job = None
    with pytest.raises(RuntimeError):
        ask_and_fail()
    assert job is not None
    with database.read() as session, pytest.raises(NotFound):
        requests.get_job(session, job_id=job.id)


def test_a_queued_job_is_cancelled_at_once_and_a_running_one_is_asked(database: Database) -> None:
    queued, running = ask(database), ask(database)
    with database.write() as session:
        assert requests.cancel(session, job_id=queued).state == "cancelled"
        assert not requests.start(session, job_id=queued)
        assert requests.start(session, job_id=running)
        asked = requests.cancel(session, job_id=running)
        assert (asked.state, asked.cancel_requested) == ("running", True)
        assert requests.report(session, job_id=running, stage="x", done=1, total=2)


def test_an_ended_job_cannot_be_cancelled_or_ended_again(database: Database) -> None:
    job = ask(database)
    with database.write() as session:
        requests.start(session, job_id=job)
        requests.finish(session, job_id=job, state="finished")
        requests.finish(session, job_id=job, state="failed", message="too late")
    with database.write() as session, pytest.raises(Conflict, match="already ended"):
        requests.cancel(session, job_id=job)
    with database.read() as session:
        assert requests.get_job(session, job_id=job).state == "finished"


def test_cancel_and_start_at_once_agree_on_one_outcome(database: Database) -> None:
    for _ in range(10):
        job = ask(database)
        started: list[bool] = []

        def start(job: str = job, started: list[bool] = started) -> None:
            with database.write() as session:
                started.append(requests.start(session, job_id=job))

        def cancel(job: str = job) -> None:
            with database.write() as session:
                requests.cancel(session, job_id=job)

        threads = [threading.Thread(target=start), threading.Thread(target=cancel)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with database.read() as session:
            found = requests.get_job(session, job_id=job)
        assert found.cancel_requested
        assert (found.state == "running") == started[0]


def test_the_queue_position_counts_those_before(database: Database) -> None:
    jobs = [ask(database) for _ in range(3)]
    with database.read() as session:
        assert [requests.queue_position(session, requests.get_job(session, job_id=job)) for job in jobs] == [
            0,
            1,
            2,
        ]
