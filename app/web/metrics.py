"""`GET /metrics` for Prometheus: requests by route, jobs, workers, disk, and the process itself."""

import time
from collections.abc import Iterator
from contextlib import suppress

from fastapi import APIRouter, Request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.db.engine import Database
from app.disk import free_bytes
from app.jobs.requests import count_unfinished, live_workers
from app.settings import Settings
from app.web.deps import SignedIn

disable_created_metrics()  # type: ignore[no-untyped-call]  # they double the number of series
router = APIRouter()
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60)
OTHER = "other"  # the route of an address that no route has, so that strangers cannot add series


class Metrics:
    """The figures of one process. Each app has its own registry."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.registry.register(Whole(settings, database))
        self.seconds = Histogram(
            "toploss_request_seconds",
            "Seconds from a request's start to the end of its answer.",
            ("method", "route", "status"),
            buckets=SECONDS,
            registry=self.registry,
        )


class Whole(Collector):
    """What all processes of this installation share, read when it is asked for."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings, self._database = settings, database

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing, so that registering it asks no database."""
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The figures; those of the disk or the database are left out while it does not answer."""
        with suppress(OSError):
            free = free_bytes(self._settings)
            yield GaugeMetricFamily(
                "toploss_data_folder_free_bytes", "Free space of the data folder's disk.", free
            )
        try:
            with self._database.probe() as session:
                workers = len(live_workers(session))
                counts = count_unfinished(session)
        except (SQLAlchemyError, OSError):
            yield GaugeMetricFamily("toploss_database_up", "Whether the database answers.", 0)
            return
        yield GaugeMetricFamily("toploss_database_up", "Whether the database answers.", 1)
        yield GaugeMetricFamily(
            "toploss_workers", "Workers that reported within the last 30 seconds.", workers
        )
        jobs = GaugeMetricFamily("toploss_jobs", "Unfinished jobs.", labels=("task", "state"))
        for (task, state), count in counts.items():
            jobs.add_metric((task, state), count)
        yield jobs


class Measure:
    """Counts every request and its seconds, under its route's pattern."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self.app, self.seconds = app, metrics.seconds
        self._patterns: dict[object, str] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        finally:
            route = self._pattern(scope)
            method = scope["method"] if route != OTHER else OTHER
            self.seconds.labels(method, route, str(status)).observe(time.perf_counter() - began)

    def _pattern(self, scope: Scope) -> str:
        """`/d/{name}/images` for each of its addresses; only FastAPI's own routes are in the scope."""
        if "route" in scope:
            return str(scope["route"].path)
        if "endpoint" not in scope:
            return OTHER
        if self._patterns is None:
            known = (route for route in scope["app"].routes if isinstance(route, (Route, Mount)))
            self._patterns = {getattr(each, "endpoint", None) or each.app: each.path for each in known}
        return self._patterns.get(scope["endpoint"], OTHER)


@router.get("/metrics", include_in_schema=False)
def metrics(request: Request, _user: SignedIn) -> Response:
    """The figures as text, for Prometheus. It signs in with anybody's API token that may read."""
    shown: Metrics = request.app.state.metrics
    return Response(generate_latest(shown.registry), headers={"content-type": CONTENT_TYPE_LATEST})
