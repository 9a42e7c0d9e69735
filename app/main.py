"""The web process. It never loads torch."""

import re
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import cache

from fastapi import APIRouter, Depends, FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Scope

import app.db.tables  # noqa: F401 - registers them
from app.accounts.attempts import Attempts
from app.accounts.openid import Provider
from app.accounts.tokens import Uses
from app.datasets.removing import PATIENCE, try_removing
from app.db.engine import Database
from app.decoding import budget
from app.disk import DiskWatch
from app.settings import Settings
from app.web import errors, health, metrics, readiness
from app.web.access_log import Access
from app.web.activity import logged
from app.web.api import routers as api_routers
from app.web.deps import signed_in
from app.web.idempotency import Idempotency
from app.web.navigation import SlowCounts
from app.web.pages.accounts.first_admin import FirstAdmin
from app.web.pages.areas import public_routers, quick_routes, routers
from app.web.rendering import bundled, static_digest
from app.web.security import Security, Upload
from app.web.strict import only_declared
from app.web.transfer import Transfer
from app.web.uploading import UploadRoute
from app.web.waiting import Waiting

DIGEST = re.compile("[0-9a-f]{12}")


class Static(StaticFiles):
    """Static files, also below a folder named by their digest (`static_url`).

    Browsers may cache those below the digest for ever.

    A page from before an upgrade requests the old digest. It gets the current files, to be cached for a
    minute.
    """

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file with its cache header."""
        digest, _, name = path.partition("/")
        is_versioned = DIGEST.fullmatch(digest) is not None and bool(name)
        response = await super().get_response(name if is_versioned else path, scope)
        response.headers["cache-control"] = (
            "public, max-age=31536000, immutable" if digest == static_digest() else "public, max-age=60"
        )
        return response


class App(FastAPI):
    """The application; `app.web.access_log` is around it, also around what answers a failure."""

    def build_middleware_stack(self) -> ASGIApp:
        """FastAPI's own, with ours around it."""
        return Access(super().build_middleware_stack(), logs=self.state.settings.logs_requests)


def create_app(
    settings: Settings, database: Database | None = None, *, first_admin: FirstAdmin | None = None
) -> FastAPI:
    """The application; the database must be migrated already."""
    owned = database or Database(settings.database)
    budget.set_limit(settings.decoding_mb)

    check, ready = health.HealthCheck(owned), readiness.Readiness(settings, owned)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        finishing = threading.Thread(target=try_removing, args=(owned, settings), daemon=True)
        finishing.start()  # of data sets that were being deleted when the process before ended
        yield
        finishing.join(PATIENCE)
        check.close()
        ready.close()
        if database is None:
            owned.close()
            owned.checkpoint()

    app = App(
        title="Toploss",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lifespan,
        redirect_slashes=False,  # they contain the client's Host header; app.web.errors redirects without it
    )
    app.state.settings = settings
    app.state.database = owned
    app.state.first_admin = first_admin or FirstAdmin()
    app.state.attempts = Attempts()
    app.state.token_uses = Uses()
    app.state.provider = Provider(settings)
    app.state.slow_counts = SlowCounts()
    app.state.health_check, app.state.readiness = check, ready
    app.state.disk_watch = DiskWatch(settings, owned)
    app.state.metrics = metrics.Metrics(settings, owned)
    app.add_middleware(Idempotency, database=owned, settings=settings)
    app.add_middleware(Security, max_upload=settings.max_upload_mb * 1_000_000, uploads=_uploads())
    app.add_middleware(Waiting, seconds=settings.wait_seconds)
    app.add_middleware(Transfer)
    app.add_middleware(metrics.Measure, metrics=app.state.metrics)
    errors.register(app)
    app.router.routes.extend(_routes())
    app.mount("/static", Static(directory=bundled("static")), name="static")
    return app


@cache
def _uploads() -> tuple[Upload, ...]:
    """The routes that take files."""
    uploads = (route for route in all_routes() if isinstance(route, UploadRoute))
    return tuple(Upload(route.path_regex, route.most_bytes) for route in uploads)


def all_routes() -> Iterator[BaseRoute]:
    """The routes of pages and REST, one by one."""
    for router in (health.router, readiness.router, metrics.router, *public_routers, *routers, *api_routers):
        yield from router.routes


@cache
def _routes() -> tuple[BaseRoute, ...]:
    """Every route of pages and REST.

    Creating them takes 0.1 s, so a process does it once, however many apps it creates.
    """
    strict = Depends(only_declared)
    public = APIRouter(dependencies=[strict])
    members = APIRouter(dependencies=[Depends(signed_in), strict, Depends(logged)])
    for router in (health.router, readiness.router, *public_routers):
        public.include_router(router)
    for router in (metrics.router, *routers, *api_routers):
        members.include_router(router)
    return (*quick_routes, *public.routes, *members.routes)
