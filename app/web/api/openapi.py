"""The API's own description."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.openapi.utils import get_openapi

router = APIRouter(prefix="/api/v1")


@router.get("/openapi.json", include_in_schema=False)
def openapi(request: Request) -> dict[str, Any]:
    """OpenAPI 3.1, made from the routes."""
    app = request.app
    if app.openapi_schema is None:
        schema = get_openapi(title="Toploss", version=app.version, routes=app.routes, description=DESCRIPTION)
        schema["paths"] = {
            path: item for path, item in schema["paths"].items() if path.startswith("/api/")
        }  # the pages are for people
        app.openapi_schema = schema
        schema["components"]["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
        schema["security"] = [{"bearer": []}]
    described: dict[str, Any] = app.openapi_schema
    return described


DESCRIPTION = (
    "Rank, review and export image labels. Send an API token as `Authorization: Bearer …`; one of the "
    "scope `read` gets 403 for whatever changes something, one of the scope `annotate` for what is an "
    "admin's. Errors are "
    '`{"error", "message", "status"}`. Fields and parameters that are not described are refused with 422. '
    "Lists come in pages: `next` is the `cursor` of the following page."
)
