"""Addresses that pages had before: each leads to today's, so that bookmarks and links in mails stay good."""

from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from app.web.strict import ReadsItself

router = APIRouter()

# The place below /d/NAME then and now.
PLACES = {
    "grid": "images",
    "duplicates": "images/duplicates",
    "adjudication": "images/disputed",
    "problems": "images/problems",
    "labels": "images/labels",
    "samples/{rest:path}": "images/",
    "runs": "models",
    "runs/new": "models/train",
    "runs/{rest:path}": "models/",
    "retrain": "models/retrain",
    "predictions": "models/import",
    "compare": "results",
    "compare/images": "results/images",
    "stop": "results/errors-left",
    "audits": "results/errors-left",
    "rounds": "results/history",
    "gold": "results/test-set",
    "agreement": "results/team",
    "versions": "export/versions",
}


class _AnyQuery(ReadsItself):
    """Leaves the query to the page that it leads to."""

    place = "query"

    def __call__(self) -> None:
        """Check nothing."""


def lead_on(request: Request, name: str, rest: str = "") -> Response:
    """Send a browser from an old address to the new one, with its query."""
    place = request.scope["route"].path.removeprefix("/d/{name}/")
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"/d/{quote(name)}/{PLACES[place]}{quote(rest)}{query}", status_code=308)


for _place in PLACES:
    router.add_api_route(f"/d/{{name}}/{_place}", lead_on, dependencies=[Depends(_AnyQuery())])
