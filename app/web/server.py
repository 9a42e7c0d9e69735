"""What an operator wants to know of the server: checks, workers, jobs, disk and the last backup."""

from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy import make_url, select
from sqlalchemy.orm import Session

from app.accounts.activity import BACKUP_MADE, newest_of
from app.db.migrating import revision_of
from app.db.types import now
from app.disk import Measured, free_bytes
from app.jobs.models import Job, Worker
from app.jobs.requests import OPEN_STATES, WORKER_SILENCE, count_unfinished, known_workers, list_jobs
from app.settings import Settings
from app.training.models import Run
from app.web.readiness import Check, Readiness

FAILED = 10  # jobs that failed last
OPEN = 100
LOOKED_AT = 100  # the newest runs, for the device of each worker


@dataclass(frozen=True)
class WorkerState:
    """A worker, and what it computed with last."""

    id: str
    started_at: datetime
    seen_at: datetime
    is_alive: bool
    device: str | None  # cuda’s name of the GPU, mps or cpu; None: it has trained nothing yet
    threads: int | None


@dataclass(frozen=True)
class Backup:
    """The last backup that was made with `toploss backup`."""

    at: datetime
    about: str  # where it was written, and its bytes


@dataclass(frozen=True)
class ServerState:
    """How the server is."""

    version: str
    revision: str | None  # of the database
    database: str  # sqlite or postgresql
    checks: dict[str, Check]  # of /readyz
    workers: tuple[WorkerState, ...]
    unfinished: dict[tuple[str, str], int]  # jobs by task and state, as in /metrics
    free_bytes: int | None  # of the data folder’s disk; None: it does not answer
    disk: Measured | None  # None: the first measurement runs
    backup: Backup | None

    def jobs(self, state: str) -> int:
        """How many jobs are in this state."""
        return sum(number for (_, each), number in self.unfinished.items() if each == state)


async def checks(request: Request) -> dict[str, Check]:
    """The checks of /readyz."""
    readiness: Readiness = request.app.state.readiness
    return await readiness.checks()


Checks = Annotated[dict[str, Check], Depends(checks)]


def server_state(
    session: Session, settings: Settings, *, checks: dict[str, Check], disk: Measured | None
) -> ServerState:
    """What the page and REST show."""
    made = newest_of(session, kind=BACKUP_MADE)
    return ServerState(
        version=version("toploss"),
        revision=revision_of(settings.database),
        database=make_url(settings.database).get_backend_name(),
        checks=checks,
        workers=_workers(session),
        unfinished=count_unfinished(session),
        free_bytes=_free(settings),
        disk=disk,
        backup=Backup(made.at, made.about) if made else None,
    )


def open_and_failed(session: Session) -> tuple[list[Job], list[Job]]:
    """The jobs that run or wait, and those that failed last."""
    unfinished = [
        job for state in reversed(OPEN_STATES) for job in list_jobs(session, state=state, limit=OPEN)
    ]
    return unfinished, list_jobs(session, state="failed", limit=FAILED)


def _workers(session: Session) -> tuple[WorkerState, ...]:
    newest = select(Run.facts).order_by(Run.id.desc()).limit(LOOKED_AT)
    machines: dict[str, dict[str, Any]] = {}
    for facts in session.scalars(newest):
        machines.setdefault(str(facts.get("worker")), facts)
    return tuple(_worker(each, machines.get(each.id, {})) for each in known_workers(session))


def _worker(worker: Worker, machine: dict[str, Any]) -> WorkerState:
    is_alive = worker.seen_at > now() - WORKER_SILENCE
    device, threads = machine.get("device"), machine.get("threads")
    return WorkerState(worker.id, worker.started_at, worker.seen_at, is_alive, device, threads)


def _free(settings: Settings) -> int | None:
    try:
        return free_bytes(settings)
    except OSError:
        return None
