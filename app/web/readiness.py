"""Whether this process can do its work: `GET /readyz`, for load balancers and operators."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass

from fastapi import APIRouter, Request
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import JSONResponse

from app.db.engine import Database
from app.db.trouble import as_trouble
from app.disk import free_bytes
from app.files import temporary_file
from app.jobs.requests import live_workers
from app.settings import Settings

log = logging.getLogger(__name__)
router = APIRouter()
DEADLINE_SECONDS = 5.0
LEAST_FREE = 256 * 1024**2  # bytes: below it the next checkpoint or upload fails
BLOCK = 4096  # bytes that are written to test the disk


@dataclass(frozen=True)
class Check:
    """The result of one check; if `needed` and not `ok`, the process is not ready."""

    ok: bool
    message: str
    needed: bool = True


class Readiness:
    """Runs the checks in its own thread; requests that come during a check share its result."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings, self._database = settings, database
        self._thread = ThreadPoolExecutor(1, "readiness")
        self._asked: Future[dict[str, Check]] | None = None

    async def checks(self) -> dict[str, Check]:
        """The results by name. Call it on the event loop only."""
        if self._asked is None or self._asked.done():
            self._asked = self._thread.submit(self._check)
        try:
            return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(self._asked)), DEADLINE_SECONDS)
        except TimeoutError:
            late = f"The database or the disk did not answer in {DEADLINE_SECONDS:.0f} seconds."
            return {"database": Check(ok=False, message=late)}

    def close(self) -> None:
        """Stop checking."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _check(self) -> dict[str, Check]:
        return {
            "database": _checked(self._database.check_writable, "The database accepts changes."),
            "disk": _checked(self._check_disk, "The disk of the data folder accepts files."),
            "worker": self._worker(),
        }

    def _check_disk(self) -> None:
        free = free_bytes(self._settings)
        if free < LEAST_FREE:
            raise LowDisk(f"The disk of the data folder has only {free // 10**6} MB left; free some space.")
        with temporary_file(self._settings.data_dir, name="ready") as file:
            file.write_bytes(bytes(BLOCK))

    def _worker(self) -> Check:
        try:
            with self._database.probe() as session:
                alive = len(live_workers(session))
        except (SQLAlchemyError, OSError) as error:
            return Check(ok=False, message=_words(error), needed=False)
        if alive:
            return Check(ok=True, message=f"Workers: {alive}.", needed=False)
        return Check(
            ok=False,
            message="No worker runs: people can review, but nothing is imported or trained.",
            needed=False,
        )


class LowDisk(OSError):
    """The disk is almost full."""


def _checked(check: Callable[[], None], good: str) -> Check:
    try:
        check()
    except (SQLAlchemyError, OSError) as error:
        log.warning("this process is not ready: %s", error)
        return Check(ok=False, message=_words(error))
    return Check(ok=True, message=good)


def _words(error: Exception) -> str:
    if isinstance(error, LowDisk):
        return str(error)
    return str(as_trouble(error) or "The database or the disk refused a change; the server's log shows why.")


@router.get("/readyz", include_in_schema=False)
async def readyz(request: Request) -> JSONResponse:
    """Whether the database and the disk accept changes; a missing worker is shown, but is no failure."""
    readiness: Readiness = request.app.state.readiness
    checks = await readiness.checks()
    ready = all(check.ok for check in checks.values() if check.needed)
    content = {
        "status": "ready" if ready else "not ready",
        "checks": {name: asdict(check) for name, check in checks.items()},
    }
    return JSONResponse(content, status_code=200 if ready else 503)
