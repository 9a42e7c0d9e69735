"""The theme of the pages: the system's, light or dark.

A cookie holds it, so that a page has its colours from the start.
"""

from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from app.web.deps import Config, SignedIn
from app.web.pages.accounts.signing_in import local_path
from app.web.rendering import THEME_COOKIE

router = APIRouter()

A_YEAR = 365 * 86_400  # seconds
Theme = Literal["system", "light", "dark"]


@router.post("/theme")
def choose_theme(
    request: Request,
    settings: Config,
    _user: SignedIn,
    theme: Annotated[Theme, Form()],
    back: Annotated[str, Form(max_length=4000)] = "/",
) -> Response:
    """Remember the theme in this browser and show the page again."""
    response = RedirectResponse(local_path(back), status_code=303)
    response.set_cookie(
        THEME_COOKIE,
        theme,
        max_age=A_YEAR,
        httponly=True,
        samesite="lax",
        secure=settings.secure_cookies or request.url.scheme == "https",
    )
    return response
