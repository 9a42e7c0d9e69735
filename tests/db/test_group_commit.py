"""Jobs that wait for the write lock are done, or refused at their own deadline; none is forgotten."""

import sqlite3
from concurrent.futures import Future
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from app import deadline
from app.db.engine import Database
from app.db.group_commit import MAX_JOBS_PER_COMMIT, _Job, _refuse_late
from app.db.trouble import busy
from app.deadline import Deadline
from app.errors import Busy


class Passing(Deadline):
    """A deadline that passes after it has been looked at so many times."""

    def __init__(self, looks: int) -> None:
        super().__init__(60)
        self.looks = looks

    @property
    def left(self) -> float:
        """A second, then nothing."""
        self.looks -= 1
        return 1.0 if self.looks >= 0 else 0.0


def job(until: Deadline) -> _Job:
    future: Future[Any] = Future()
    return _Job(lambda session: None, future, until)


@pytest.mark.parametrize("looks", [0, 1, 2, 3])
def test_a_job_whose_deadline_passes_at_any_moment_still_waits_or_is_refused(looks: int) -> None:
    late = job(Passing(looks))
    rest = _refuse_late([late], busy())
    assert rest == ([late] if looks else [])
    if not rest:
        with pytest.raises(Busy):
            late.future.result(timeout=0)


def test_a_job_that_its_caller_has_cancelled_waits_no_longer() -> None:
    cancelled, waiting = job(Deadline(60)), job(Deadline(60))
    cancelled.future.cancel()
    assert _refuse_late([cancelled, waiting], busy()) == [waiting]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_job_is_refused_at_its_own_deadline_although_one_before_it_waits_longer(database: Database) -> None:
    path = database.url.database or ""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=60)) as other:
        other.execute("BEGIN IMMEDIATE")
        patient = database.write_in_group(lambda session: "done")
        with deadline.within(0.3):
            hasty = database.write_in_group(lambda session: "done")
        with pytest.raises((Busy, OperationalError)):
            hasty.result(timeout=60)
        assert not patient.done()
    assert patient.result(timeout=60) == "done"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_all_of_more_jobs_than_one_commit_takes_are_done(database: Database) -> None:
    path = database.url.database or ""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=60)) as other:
        other.execute("BEGIN IMMEDIATE")
        jobs = [database.write_in_group(lambda session, i=i: i) for i in range(2 * MAX_JOBS_PER_COMMIT + 3)]
    assert [each.result(timeout=60) for each in jobs] == list(range(len(jobs)))
