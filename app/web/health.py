"""Whether the process and its database answer, without the threads that log-ins or uploads may occupy."""

import asyncio
import logging
from concurrent.futures import Future, ThreadPoolExecutor

from fastapi import APIRouter, Request
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import JSONResponse

from app.db.engine import Database

log = logging.getLogger(__name__)
router = APIRouter()
DEADLINE_SECONDS = 5.0


class HealthCheck:
    """Queries the database in its own thread; requests that come during a check share its result."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._thread = ThreadPoolExecutor(1, "health")
        self._asked: Future[None] | None = None

    async def passes(self) -> bool:
        """Whether the database answers in time. Called on the event loop only."""
        if self._asked is None or self._asked.done():
            self._asked = self._thread.submit(self._ask)
        try:
            await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(self._asked)), DEADLINE_SECONDS)
        except (TimeoutError, SQLAlchemyError) as error:
            log.warning("the database does not answer: %s", str(error) or f"{DEADLINE_SECONDS:.0f} s")
            return False
        return True

    def close(self) -> None:
        """Stop checking."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _ask(self) -> None:
        with self._database.probe() as session:
            session.execute(text("SELECT 1"))


@router.get("/healthz", include_in_schema=False)
async def healthz(request: Request) -> JSONResponse:
    """For load balancers: the process answers and its database does too."""
    check: HealthCheck = request.app.state.health_check
    if await check.passes():
        return JSONResponse({"status": "ok"})
    return JSONResponse({"status": "the database does not answer"}, status_code=503)
