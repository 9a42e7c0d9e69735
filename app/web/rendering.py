"""Templates to answers. A template sees one variable, `page`: a frozen dataclass derived from `Page`."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.ext import Extension
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.accounts.roles import Allowed
from app.db.trouble import as_trouble
from app.db.types import now
from app.errors import ToplossError
from app.web import documentation
from app.web.navigation import NOTHING, Surroundings, surroundings
from app.web.toasts import TOAST_COOKIE, Toast, waiting_toast

THEME_COOKIE = "toploss_theme"
SYSTEM = "system"
THEMES = (SYSTEM, "light", "dark")
UNBROKEN = "\u00a0"  # between a number and its sign or unit, which stay on one line
ROOT = Path(__file__).resolve().parents[2]


def bundled(name: str) -> Path:
    """A folder of the project, in a checkout or inside the installed wheel."""
    inside = Path(__file__).resolve().parents[1] / f"_{name}"
    return inside if inside.is_dir() else ROOT / name


@dataclass(frozen=True)
class Viewer(Allowed):
    """Who looks at the page."""

    name: str
    role: str


@dataclass(frozen=True, kw_only=True)
class Page:
    """What every full page and fragment knows."""

    viewer: Viewer | None
    url: str  # path and query of the request, for links back
    dataset: str | None = None  # the data set whose navigation is shown
    theme: str = SYSTEM
    toast: Toast | None = None  # the answer to the act before, shown once
    around: Callable[[], Surroundings] = lambda: NOTHING  # read when a whole page is drawn, not for a part


def page_context(request: Request, dataset: str | None = None) -> dict[str, Any]:
    """The keyword arguments of `Page` for this request."""
    user = getattr(request.state, "user", None)
    query = request.scope["query_string"].decode("latin-1")
    url = request.scope["path"] + (f"?{query}" if query else "")
    shared = {
        "viewer": Viewer(user.name, user.role) if user else None,
        "url": url,
        "dataset": dataset,
    }
    if is_fragment(request):  # it shows nothing of the rest, and an answer of the deck has no time for it
        return shared
    theme = request.cookies.get(THEME_COOKIE, SYSTEM)
    return shared | {
        "theme": theme if theme in THEMES else SYSTEM,
        "toast": waiting_toast(request),
        "around": partial(_around, request, dataset),
    }


def _around(request: Request, dataset: str | None) -> Surroundings:
    """What surrounds the page; nothing for who is not signed in, or where the database has trouble."""
    user, state = getattr(request.state, "user", None), request.app.state
    if user is None:
        return NOTHING
    try:
        return surroundings(
            state.database,
            state.slow_counts,
            path=request.scope["path"],
            dataset=dataset,
            user_id=user.id,
            role=user.role,
            hidden=user.hidden,
        )
    except ToplossError:
        return NOTHING
    except SQLAlchemyError as error:
        if as_trouble(error) is None:
            raise
        return NOTHING


def is_fragment(request: Request) -> bool:
    """Whether htmx asks for a part of a page, not the browser or a boosted form for a whole one."""
    return request.headers.get("hx-request") == "true" and not any(
        request.headers.get(whole) == "true" for whole in ("hx-history-restore-request", "hx-boosted")
    )


def render(
    template: str, page: Page, *, status: int = 200, headers: dict[str, str] | None = None
) -> HTMLResponse:
    """The template filled with the page."""
    html = environment().get_template(template).render(page=page)
    response = HTMLResponse(html, status_code=status, headers=headers)
    if page.toast:
        response.delete_cookie(TOAST_COOKIE, httponly=True, samesite="lax")
    return response


def render_part(
    request: Request,
    template: str,
    page: Page,
    *,
    headers: dict[str, str] | None = None,
    whole: str = "",
    above: str = "",
) -> Response:
    """A part of a page for htmx; who opens its address gets the whole page.

    That is the template `whole`, else the address `above`, else the one that this address lies below.
    """
    if is_fragment(request):
        return render(template, page, headers=headers)
    if whole:
        return render(whole, page, headers=headers)
    path: str = request.scope["path"]
    return RedirectResponse(quote(above or path.rpartition("/")[0]), status_code=303)


def draw(template: str, page: Page, *, filename: str) -> Response:
    """The page as a picture to keep."""
    svg = environment().get_template(template).render(page=page)
    return Response(
        svg, media_type="image/svg+xml", headers={"content-disposition": f'attachment; filename="{filename}"'}
    )


class Unindented(Extension):
    """Templates without their indentation, which would be a fifth of the answer to a decision.

    One blank of it stays, since Jinja removes the end of a line after a tag. `<pre>` keeps all.
    """

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:  # noqa: ARG002
        """The source with one blank at the start of a line that has some."""
        parts = re.split(r"(<pre.*?</pre>)", source, flags=re.DOTALL)
        parts[::2] = [re.sub(r"^[ \t]+", " ", part, flags=re.MULTILINE) for part in parts[::2]]
        return "".join(parts)


@cache
def environment() -> Environment:
    """Jinja2 with undefined names as errors."""
    env = Environment(
        loader=FileSystemLoader(bundled("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[Unindented],
        auto_reload=False,
    )
    env.globals["static"] = static_url
    env.globals["about"] = documentation.about
    env.filters.update(FILTERS)
    return env


@cache
def static_digest() -> str:
    """What changes when any static file does."""
    digest, folder = hashlib.sha256(), bundled("static")
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder).as_posix()}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def static_url(name: str) -> str:
    """The address of a static file.

    Its first folder changes with the content, so browsers may keep it for ever.

    A query would not do: a script module that imports another by a relative address imports it from the same
    folder, and leaves the query behind.
    """
    return f"/static/{static_digest()}/{quote(name)}"


def count(number: int) -> str:
    """1240 → 1,240."""
    return f"{number:,}"


def plural(number: int, one: str, many: str | None = None) -> str:
    """1 image, 1,240 images; `many` where an s does not make the plural."""
    return f"{count(number)} {one if number == 1 else many or f'{one}s'}"


def size(number: int) -> str:
    """Bytes for people: 0 kB, 512.0 MB, 1.3 GB."""
    for unit, least in (("GB", 10**9), ("MB", 10**6)):
        if number >= least:
            return f"{number / least:,.1f} {unit}"
    return f"{number / 1000:,.0f} kB"


def percent(share: float | None, digits: int = 1) -> str:
    """0.3670 → 36.7 %, which stays on one line; nothing known → –."""
    return "–" if share is None else f"{100 * share:.{digits}f}{UNBROKEN}%"


def duration(seconds: float | None) -> str:
    """A span for people: under a second, 42 s, 12 min, 3 h 20 min; a number and its unit stay on one line."""
    if seconds is None:
        return "–"
    if seconds < 1:
        return "under a second"
    if seconds < 90:  # noqa: PLR2004
        return f"{seconds:.0f}{UNBROKEN}s"
    hours, minutes = divmod(round(seconds / 60), 60)
    if hours * 60 + minutes < 90:  # noqa: PLR2004
        return f"{hours * 60 + minutes}{UNBROKEN}min"
    return f"{hours}{UNBROKEN}h {minutes}{UNBROKEN}min"


def about(seconds: float) -> str:
    """An expected span for people: about 42 s, under a second."""
    return duration(seconds) if seconds < 1 else f"about {duration(seconds)}"


def span(low: float, high: float) -> str:
    """An expected span that is not known better: 40 s to 2 min; about 3 h where both say the same."""
    return about(high) if duration(low) == duration(high) else f"{duration(low)} to {duration(high)}"


def ago(moment: datetime | None) -> str:
    """How long since a moment."""
    if moment is None:
        return "never"
    seconds = (now() - moment).total_seconds()
    if seconds < 60:  # noqa: PLR2004
        return "just now"
    if seconds < 172_800:  # noqa: PLR2004
        return f"{duration(seconds)} ago"
    return f"{seconds // 86_400:.0f} days ago"


def moment(value: datetime | None) -> str:
    """A moment as people write it, in UTC."""
    return "–" if value is None else value.strftime("%Y-%m-%d %H:%M UTC")


FILTERS: dict[str, Callable[..., str]] = {
    "count": count,
    "plural": plural,
    "percent": percent,
    "size": size,
    "duration": duration,
    "about": about,
    "span": span,
    "ago": ago,
    "moment": moment,
}
