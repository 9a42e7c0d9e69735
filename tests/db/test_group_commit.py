"""Jobs that wait for the write lock are done, or refused at their own deadline; none is forgotten."""

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from functools import partial
from typing import Any

import pytest
from sqlalchemy import event, insert, select, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from app import deadline
from app.datasets.catalog import lock_dataset
from app.datasets.models import Dataset
from app.db.engine import Database
from app.db.group_commit import MAX_JOBS_PER_COMMIT, _Job, _refuse_late
from app.db.memory import remember
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


@contextmanager
def held(database: Database, dataset_id: int) -> Iterator[None]:
    """Another transaction holds the row of the data set."""
    with Session(database.engine) as other:
        other.execute(select(Dataset.id).where(Dataset.id == dataset_id).with_for_update(key_share=True))
        yield


def add_datasets(database: Database) -> None:
    with database.write() as session:
        session.add_all(Dataset(name=name, source="/", state="ready") for name in ("pets", "birds"))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_job_that_waits_for_a_row_is_refused_at_its_own_deadline(database: Database) -> None:
    add_datasets(database)
    with held(database, 1):
        patient = database.write_in_group(lambda session: lock_dataset(session, dataset_id=1) or "done")
        with deadline.within(0.5):
            hasty = database.write_in_group(lambda session: lock_dataset(session, dataset_id=1))
        with pytest.raises(Busy):
            hasty.result(timeout=60)
        assert not patient.done()
    assert patient.result(timeout=60) == "done"


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_jobs_that_wait_for_a_row_hold_up_no_others(database: Database) -> None:
    add_datasets(database)
    go = threading.Event()

    def lock(session: Session, dataset_id: int) -> str:
        lock_dataset(session, dataset_id=dataset_id)
        return "done"

    with held(database, 1):
        database.write_in_group(lambda session: go.wait(60))  # all others come into the next group
        waiting = [database.write_in_group(partial(lock, dataset_id=1)) for _ in range(20)]
        others = [database.write_in_group(partial(lock, dataset_id=2)) for _ in range(20)]
        go.set()
        assert [each.result(timeout=60) for each in others] == ["done"] * 20
        assert not any(each.done() for each in waiting)
    assert [each.result(timeout=60) for each in waiting] == ["done"] * 20


def test_after_a_job_whose_flush_fails_the_next_one_is_done(database: Database) -> None:
    add_datasets(database)
    failing = database.write_in_group(
        lambda session: session.add(Dataset(name="pets", source="/", state="ready"))
    )
    assert isinstance(failing.exception(timeout=60), IntegrityError)
    names = database.write_in_group(lambda session: set(session.scalars(select(Dataset.name))))
    assert names.result(timeout=60) == {"pets", "birds"}


def test_the_jobs_of_one_commit_share_what_they_remember_and_one_lock_of_the_data_set(
    database: Database,
) -> None:
    with database.write() as session:
        session.add(Dataset(name="pets", source="/pets", state="ready"))
    go, asked = threading.Event(), []

    def ask(session: Session) -> int | None:
        lock_dataset(session, dataset_id=1)
        return remember(session, "names", lambda: asked.append(1) or session.scalar(select(Dataset.id)))

    first = database.write_in_group(lambda session: go.wait(60))
    jobs = [database.write_in_group(ask) for _ in range(5)]
    locked: list[str] = []

    def watch(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "FOR NO KEY UPDATE" in statement:
            locked.append(statement)

    event.listen(Engine, "before_cursor_execute", watch)
    try:
        go.set()
        assert [each.result(timeout=60) for each in jobs] == [1] * 5
    finally:
        event.remove(Engine, "before_cursor_execute", watch)
    assert first.result()
    assert len(asked) == 1
    assert len(locked) == (not database.is_sqlite)


def test_a_job_that_fails_undoes_only_itself(database: Database) -> None:
    go = threading.Event()
    first = database.write_in_group(lambda session: go.wait(60))

    def add(session: Session, name: str | None) -> None:
        session.execute(insert(Dataset).values(name=name, source="/pets", state="ready"))

    jobs = [database.write_in_group(partial(add, name=name)) for name in ("pets", None, "birds")]
    go.set()
    assert first.result(timeout=60)
    assert [type(job.exception(timeout=60)) for job in jobs] == [type(None), IntegrityError, type(None)]
    with database.read() as session:
        assert sorted(session.scalars(select(Dataset.name))) == ["birds", "pets"]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_connection_that_postgresql_has_closed_costs_no_job(database: Database) -> None:
    number = database.write_in_group(lambda session: session.scalar(text("SELECT pg_backend_pid()")))
    with database.write() as session:
        session.execute(text("SELECT pg_terminate_backend(:pid, 60000)"), {"pid": number.result(timeout=60)})
    assert database.write_in_group(lambda session: "done").result(timeout=60) == "done"
