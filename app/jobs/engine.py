"""Runs jobs on DBOS: durable workflows whose finished steps are not repeated after a crash.

Only the worker uses this module. A worker is crash-only: it can be killed at any time, because every step can
be repeated and long steps resume from their own files.
"""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeVar

from dbos import DBOS, DBOSConfig, SetWorkflowID
from sqlalchemy import make_url, select
from sqlalchemy.orm import Session

from app.db.engine import Database
from app.db.types import now
from app.errors import Cancelled, ToplossError
from app.jobs import requests
from app.jobs.models import Job
from app.jobs.sqlite_clock import provide_clock
from app.settings import Settings

log = logging.getLogger(__name__)

# Jobs of another protocol would wait for ever, so change it only when old jobs can no longer be read.
PROTOCOL = "1"
REPORT_SECONDS = 0.5
POLL_SECONDS = 1.0  # between two looks at a queue; each of a dozen queues costs processor time while idle
MAX_FRUITLESS = 5  # restarts in a row without anything new saved; then the job fails
DIED = (
    "The worker ended several times during this job, without a new checkpoint in between; "
    "check the worker's log and the machine's memory."
)
T = TypeVar("T")
ENDED_BADLY = ("ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")


@dataclass
class JobContext:
    """What a task gets: its job's arguments, and methods to report progress, see a cancel and run steps."""

    job: Job
    database: Database
    settings: Settings
    note: str = ""  # what a person should know about a finished job
    _reported: float = field(default=0.0, repr=False)
    _stop: bool = field(default=False, repr=False)

    def report(self, stage: str, done: int, total: int, *, force: bool = False) -> None:
        """Store progress, at most twice per second."""
        moment = time.monotonic()
        if not force and moment - self._reported < REPORT_SECONDS and done < total:
            return
        self._reported = moment
        with self.database.write() as session:
            self._stop = requests.report(session, job_id=self.job.id, stage=stage, done=done, total=total)

    def should_stop(self) -> bool:
        """Whether the job was cancelled, as of its last report."""
        return self._stop

    def step(self, name: str, function: Callable[[], T]) -> T:
        """Run a step once; after a crash its stored result is returned instead.

        The result must be small and picklable.
        """
        return DBOS.run_step({"name": name}, function)


Task = Callable[[JobContext], None]
Progress = Callable[[JobContext], str]  # what a job has saved so far, as a text that changes with it


class GiveUp(Protocol):
    """Marks a job, and the run or import that it works on, as failed."""

    def __call__(self, session: Session, *, job_id: str, message: str) -> None:
        """In the caller's transaction."""


class Engine:
    """DBOS in this process, with the tasks it may run."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        tasks: dict[str, Task],
        *,
        give_up: GiveUp,
        progress: Mapping[str, Progress] | None = None,
    ) -> None:
        self.settings, self.database, self.tasks, self.give_up = settings, database, tasks, give_up
        self.progress = progress or {}
        self.running: set[str] = set()  # jobs of this process
        self.started_at: datetime = now()
        # DBOS recovers workflows on its own queue, without our limits. Each kind of job runs one at a time.
        self._turns: dict[str, threading.Lock] = defaultdict(threading.Lock)

    def launch(self) -> None:
        """Start taking jobs; unfinished jobs of this worker resume."""
        config: DBOSConfig = {
            "name": "toploss",
            "system_database_url": _driverless(self.settings.jobs_database),
            "executor_id": self.settings.worker_id,
            "application_version": PROTOCOL,
            "log_level": "WARNING",
            "run_migrations": True,
        }
        provide_clock()
        DBOS(config=config)

        @DBOS.workflow(name="toploss_job", max_recovery_attempts=None)  # we count fruitless attempts instead
        def run_job(job_id: str) -> None:
            self._run(job_id)

        self._workflow = run_job
        DBOS.launch()
        for task in self.tasks:
            DBOS.register_queue(task, worker_concurrency=1, polling_interval_sec=POLL_SECONDS)

    def tick(self) -> None:
        """One round of housekeeping: send a heartbeat, start queued jobs, take over jobs of lost workers."""
        with self.database.write() as session:
            requests.beat(session, worker_id=self.settings.worker_id, started_at=self.started_at)
        with self.database.read() as session:
            queued = requests.queued_jobs(session)
            live = {worker.id for worker in requests.live_workers(session)} | {self.settings.worker_id}
            running = set(session.scalars(select(Job.id).where(Job.state == "running")))
        for job in queued:
            with SetWorkflowID(job.id):  # the same id twice is one workflow
                DBOS.enqueue_workflow(job.task, self._workflow, job.id)
        self._adopt(live)
        self._give_up(running)

    def _adopt(self, live: set[str]) -> None:
        """Take over the workflows of workers without a recent heartbeat."""
        for workflow in DBOS.list_workflows(status="PENDING", load_input=False, load_output=False):
            if workflow.executor_id not in live:
                log.warning(
                    "job %s: its worker %s is gone; taking over", workflow.workflow_id, workflow.executor_id
                )
                DBOS.resume_workflow(workflow.workflow_id)

    def _give_up(self, running: set[str]) -> None:
        """Mark jobs as failed that the engine has ended without a result of the task."""
        if not running:
            return
        for workflow in DBOS.list_workflows(
            workflow_ids=list(running), status=list(ENDED_BADLY), load_input=False, load_output=False
        ):
            with self.database.write() as session:
                self.give_up(
                    session,
                    job_id=workflow.workflow_id,
                    message=DIED,
                )

    def _run(self, job_id: str) -> None:
        with self.database.read() as session:
            job = requests.get_job(session, job_id=job_id)
        with self._turns[job.task]:
            mark = self._mark(JobContext(job, self.database, self.settings))
            with self.database.write() as session:
                if not requests.start(session, job_id=job_id, mark=mark):
                    return
                job = requests.get_job(session, job_id=job_id)
                if job.fruitless_starts > MAX_FRUITLESS:
                    self.give_up(session, job_id=job_id, message=DIED)
                    return
            self.running.add(job_id)
            try:
                state, message = self._outcome(JobContext(job, self.database, self.settings))
            finally:
                self.running.discard(job_id)
            with self.database.write() as session:
                if state == "failed":  # it may have failed before it could mark its run
                    self.give_up(session, job_id=job_id, message=message)
                else:
                    requests.finish(session, job_id=job_id, state=state, message=message)

    def _mark(self, context: JobContext) -> str:
        """What the job has saved; empty if this fails."""
        try:
            told = self.progress.get(context.job.task)
            return told(context) if told else ""
        except Exception:
            log.exception("job %s: cannot determine what it has saved", context.job.id)
            return ""

    def _outcome(self, context: JobContext) -> tuple[str, str]:
        try:
            self.tasks[context.job.task](context)
        except Cancelled:
            return "cancelled", "Cancelled."
        except ToplossError as error:
            log.warning("job %s failed: %s", context.job.id, error)
            return "failed", str(error)
        except Exception:
            log.exception("job %s failed", context.job.id)
            return (
                "failed",
                "An unexpected error occurred; the worker's log shows it. Try again; report it if it recurs.",
            )
        return "finished", context.note


def _driverless(url: str) -> str:
    """The URL without its driver; DBOS chooses the PostgreSQL driver itself."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        return parsed.set(drivername="postgresql").render_as_string(hide_password=False)
    return url
