"""The documentation as `make docs` builds it, for who is signed in."""

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from fastapi.staticfiles import StaticFiles

from app.errors import NotFound
from app.web.documentation import ADDRESS, FIRST, built

router = APIRouter()


@router.get(ADDRESS)
def start() -> Response:
    """To the first page; its links are relative."""
    return RedirectResponse(f"{ADDRESS}/{FIRST}", status_code=303)


@router.get(f"{ADDRESS}/{{path:path}}")
async def page(request: Request, path: str) -> Response:
    """A page, picture, script or style. Raises NotFound where nothing was built."""
    folder = built()
    if folder is None:
        raise NotFound("The documentation is not built in this checkout; “make docs” builds it.")
    response = await StaticFiles(directory=folder).get_response(path, request.scope)
    response.headers["cache-control"] = "private, no-cache"  # kept, but checked: an unchanged file is 304
    return response
