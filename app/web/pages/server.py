"""How the server is; an admin's page."""

from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.web.deps import Admin, Config, Db
from app.web.pages.jobs import JobView, views_of
from app.web.rendering import Page, page_context, render
from app.web.server import Checks, ServerState, open_and_failed, server_state

router = APIRouter()


@dataclass(frozen=True, kw_only=True)
class ServerPage(Page):
    """Checks, workers, jobs, disk and the last backup."""

    state: ServerState
    unfinished: tuple[JobView, ...]
    failed: tuple[JobView, ...]


@router.get("/server")
def server(request: Request, database: Db, settings: Config, _admin: Admin, checks: Checks) -> Response:
    """How the server is now; sizes are up to ten minutes old."""
    disk = request.app.state.disk_watch.newest()
    with database.read() as session:
        unfinished, failed = open_and_failed(session)
        page = ServerPage(
            **page_context(request),
            state=server_state(session, settings, checks=checks, disk=disk),
            unfinished=views_of(session, unfinished),
            failed=views_of(session, failed),
        )
    return render("server/page.html", page)
