"""How the server is, for programs that watch it."""

from datetime import datetime

from fastapi import Request

from app.web.api.models import Output
from app.web.api.routing import api_router
from app.web.deps import Admin, Config, Db
from app.web.server import Checks, server_state

router = api_router("server")


class CheckOut(Output):
    """A check of /readyz."""

    ok: bool
    message: str
    needed: bool  # whether the server is not ready without it


class WorkerOut(Output):
    """A worker that was there within the last week."""

    id: str
    started_at: datetime
    seen_at: datetime
    is_alive: bool
    device: str | None  # of its last training: a GPU's name, mps or cpu
    threads: int | None


class UseOut(Output):
    """What one kind of files takes in the data folder."""

    name: str
    bytes: int
    files: int
    freeing: str  # how to free it


class DiskMeasured(Output):
    """A measurement of the data folder, at most ten minutes old."""

    at: datetime
    uses: list[UseOut]


class BackupOut(Output):
    """The last backup."""

    at: datetime
    about: str


class UnfinishedOut(Output):
    """How many jobs of one kind are in one state."""

    task: str
    state: str
    jobs: int


class ServerOut(Output):
    """How the server is."""

    version: str
    revision: str | None
    database: str
    checks: dict[str, CheckOut]
    workers: list[WorkerOut]
    unfinished: list[UnfinishedOut]
    free_bytes: int | None
    disk: DiskMeasured | None  # null while the first measurement runs
    backup: BackupOut | None


@router.get("/server")
def show_server(request: Request, database: Db, settings: Config, _admin: Admin, checks: Checks) -> ServerOut:
    """Checks, workers, jobs, disk and the last backup; sizes are up to ten minutes old."""
    disk = request.app.state.disk_watch.newest()
    with database.read() as session:
        state = server_state(session, settings, checks=checks, disk=disk)
    unfinished = [UnfinishedOut(task=t, state=s, jobs=n) for (t, s), n in sorted(state.unfinished.items())]
    return ServerOut(
        version=state.version,
        revision=state.revision,
        database=state.database,
        checks={name: CheckOut.model_validate(each) for name, each in state.checks.items()},
        workers=[WorkerOut.model_validate(each) for each in state.workers],
        unfinished=unfinished,
        free_bytes=state.free_bytes,
        disk=DiskMeasured.model_validate(state.disk) if state.disk else None,
        backup=BackupOut.model_validate(state.backup) if state.backup else None,
    )
