"""A real worker process per test, on DBOS with both databases."""

import os
import signal
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path

from sqlalchemy.orm import Session

import app.db.tables  # noqa: F401 - registers them
from app.db.engine import Database
from app.errors import Cancelled
from app.jobs import requests
from app.jobs.engine import Engine, JobContext
from app.settings import Settings
from tests.forked import fork
from tests.servers import environment


def say(folder: Path, name: str, word: str) -> None:
    """Into what the test reads."""
    with (folder / "said").open("a") as file:
        file.write(f"{name}:{word}\n")


def take_it_down(folder: Path, context: JobContext) -> None:
    """The task kills its worker until it has kept eight letters."""
    kept = folder / "kept"
    say(folder, context.settings.worker_id, "starts")
    if (folder / "fruitful").exists():
        with kept.open("a") as file:
            file.write("x")
    if not kept.exists() or len(kept.read_text()) < 8:
        os.kill(os.getpid(), signal.SIGKILL)


def take_two_steps(folder: Path, context: JobContext) -> None:
    """The task waits between its steps for a file."""
    name = context.settings.worker_id
    context.step("first", lambda: say(folder, name, "first"))
    context.report("waiting", 1, 2, force=True)
    while not (folder / "go").exists():
        context.report("waiting", 1, 2)
        if context.should_stop():
            raise Cancelled("asked")
        time.sleep(0.05)
    context.step("second", lambda: say(folder, name, "second"))


def give_up(session: Session, *, job_id: str, message: str) -> None:
    requests.finish(session, job_id=job_id, state="failed", message=message)


def work(folder: Path) -> None:
    """A worker process with one of these tasks."""
    settings, kept = Settings(), folder / "kept"
    task = partial(take_it_down if (folder / "dies").exists() else take_two_steps, folder)
    engine = Engine(
        settings,
        Database(settings.database),
        {"train": task},
        give_up=give_up,
        progress={"train": lambda _: kept.read_text() if kept.exists() else ""},
    )
    engine.launch()
    while True:
        engine.tick()
        time.sleep(0.1)


class Workers:
    """Starts workers and kills what is left of them."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url, self.processes = folder, url, []

    def start(self, name: str) -> BaseProcess:
        env = environment(self.folder / "data", database_url=self.url, TOPLOSS_WORKER_ID=name)
        log = self.folder / "log"
        process = fork(work, self.folder, env=env, output=(log, log))
        self.processes.append(process)
        return process

    def stop(self) -> None:
        for process in self.processes:
            process.kill()
            process.join()


def wait_until(condition: Callable[[], bool], what: str, folder: Path, seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen:\n{(folder / 'log').read_text()}"
        time.sleep(0.05)


def said(folder: Path) -> list[str]:
    path = folder / "said"
    return path.read_text().split() if path.exists() else []


def state(database: Database, job: str) -> str:
    with database.read() as session:
        return requests.get_job(session, job_id=job).state


def stage(database: Database, job: str) -> str:
    with database.read() as session:
        return requests.get_job(session, job_id=job).stage


def ask(database: Database) -> str:
    with database.write() as session:
        return requests.ask(session, task="train", dataset_id=None, arguments={}, user_id=None).id


def test_a_worker_killed_between_steps_goes_on_without_repeating_the_first(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    workers, job = Workers(tmp_path, database_url), ask(database)
    try:
        first = workers.start("one")
        wait_until(lambda: said(tmp_path) == ["one:first"], "the first step", tmp_path)
        wait_until(lambda: stage(database, job) == "waiting", "the second step", tmp_path)
        first.kill()  # the engine has stored the first step
        first.join()
        (tmp_path / "go").touch()
        workers.start("one")
        wait_until(lambda: state(database, job) == "finished", "the end", tmp_path)
    finally:
        workers.stop()
    assert said(tmp_path) == ["one:first", "one:second"]


def test_the_work_of_a_worker_that_never_comes_back_is_taken_over(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    workers, job = Workers(tmp_path, database_url), ask(database)
    try:
        first = workers.start("one")
        wait_until(lambda: said(tmp_path) == ["one:first"], "the first step", tmp_path)
        wait_until(lambda: stage(database, job) == "waiting", "the second step", tmp_path)
        first.kill()
        first.join()
        with database.write() as session:
            requests.silent(session, worker_id="one")  # as if its last heartbeat were long ago
        (tmp_path / "go").touch()
        workers.start("two")
        wait_until(lambda: state(database, job) == "finished", "the end", tmp_path)
    finally:
        workers.stop()
    assert said(tmp_path) == ["one:first", "two:second"]


def test_a_running_job_stops_when_it_is_cancelled(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    workers, job = Workers(tmp_path, database_url), ask(database)
    try:
        workers.start("one")
        wait_until(lambda: said(tmp_path) == ["one:first"], "the first step", tmp_path)
        with database.write() as session:
            requests.cancel(session, job_id=job)
        wait_until(lambda: state(database, job) == "cancelled", "the cancel", tmp_path)
    finally:
        workers.stop()
    assert said(tmp_path) == ["one:first"]


def test_one_job_of_a_kind_at_a_time(database: Database, database_url: str, tmp_path: Path) -> None:
    workers, jobs = Workers(tmp_path, database_url), [ask(database), ask(database)]
    try:
        workers.start("one")
        wait_until(lambda: "one:first" in said(tmp_path), "the first step", tmp_path)
        time.sleep(1.5)
        assert sorted(state(database, job) for job in jobs) == ["queued", "running"]
        (tmp_path / "go").touch()
        wait_until(lambda: all(state(database, job) == "finished" for job in jobs), "the end", tmp_path)
    finally:
        workers.stop()


def starts_until(state_wanted: str, database: Database, url: str, folder: Path) -> int:
    """Start a worker again and again, which its job takes down, until the job has ended so.

    The answer is how often it began.
    """
    (folder / "dies").touch()
    workers, job = Workers(folder, url), ask(database)
    try:
        for _ in range(12):
            process = workers.start("one")
            wait_until(
                lambda p=process: p.exitcode is not None or state(database, job) == state_wanted,
                "the end",
                folder,
            )
            if state(database, job) == state_wanted:
                return len(said(folder))
    finally:
        workers.stop()
    raise AssertionError(f"the job is {state(database, job)} after {said(folder)}")


def test_a_job_that_keeps_something_new_at_each_start_is_never_given_up(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "fruitful").touch()
    assert starts_until("finished", database, database_url, tmp_path) == 8


def test_a_job_that_takes_its_worker_down_and_keeps_nothing_is_given_up_after_five_restarts(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    assert starts_until("failed", database, database_url, tmp_path) == 6
