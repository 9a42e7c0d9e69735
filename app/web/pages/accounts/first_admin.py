"""The page that creates the first admin, while there is no user at all."""

from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from app.accounts.activity import Act, doing
from app.accounts.first_admin import add_first_admin, check_code, check_nobody, has_users, new_code
from app.accounts.passwords import MIN_PASSWORD, hash_password
from app.errors import Conflict, Forbidden, Invalid, TooManyAttempts
from app.web.activity import address_of
from app.web.deps import Config, Db
from app.web.errors import headers_of, status_of
from app.web.pages.accounts.signing_in import FIRST_ADMIN, login_page, with_session
from app.web.rendering import Page, page_context, render

public = APIRouter()

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
# What a proxy adds: behind one, an address of this machine says nothing about who asks.
PROXY_HEADERS = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")

Text = Annotated[str, Form()]


@dataclass(frozen=True)
class FirstAdmin:
    """Who may create the first admin of this process's server."""

    code: str = field(default_factory=new_code)
    only_here: bool = False  # the server listens on this machine alone


@dataclass(frozen=True, kw_only=True)
class FirstAdminPage(Page):
    """The form; `message` says why it is shown again."""

    needs_code: bool
    code: str = ""
    name: str = ""
    message: str = ""
    shortest: int = MIN_PASSWORD


@public.get(FIRST_ADMIN)
def form(request: Request, database: Db, code: str = "") -> Response:
    """The form; the log-in where there is somebody already."""
    with database.read() as session:
        if has_users(session):
            return RedirectResponse("/login", status_code=303)
    return _page(request, code=code)


@public.post(FIRST_ADMIN)
def create(
    request: Request, database: Db, settings: Config, name: Text, password: Text, code: Text = ""
) -> Response:
    """Create the first admin and sign them in."""
    first: FirstAdmin = request.app.state.first_admin
    try:
        with database.read() as session:
            check_nobody(session)  # before a hash is computed for a stranger
        if _needs_code(request, first):
            check_code(code, code=first.code)
        password_hash = hash_password(password)
        act = Act("people: first admin created", name.strip(), "browser", address_of(request))
        with doing(act), database.write() as session:
            user = add_first_admin(session, name=name.strip(), password_hash=password_hash)
    except (Forbidden, Invalid, TooManyAttempts) as error:
        page = _page(request, code=code, name=name, message=str(error), status=status_of(error))
        page.headers.update(headers_of(error))
        return page
    except Conflict as error:
        return login_page(request, next="/", error=error)
    return with_session(request, RedirectResponse("/", status_code=303), database, settings, user)


def _page(request: Request, *, code: str, name: str = "", message: str = "", status: int = 200) -> Response:
    page = FirstAdminPage(
        **page_context(request),
        needs_code=_needs_code(request, request.app.state.first_admin),
        code=code,
        name=name,
        message=message,
    )
    return render("accounts/first_admin.html", page, status=status)


def _needs_code(request: Request, first: FirstAdmin) -> bool:
    """Whether the request may come from somebody who does not sit at this machine.

    A name that is not of this machine may be another site's, pointed at this machine's address.
    """
    if not first.only_here or any(name in request.headers for name in PROXY_HEADERS):
        return True
    here = request.client is not None and is_loopback(request.client.host)
    return not here or request.url.hostname not in LOCAL_NAMES


def is_loopback(address: str) -> bool:
    """Whether only this machine uses the address."""
    try:
        return ip_address(address).is_loopback
    except ValueError:  # no address, as in a test
        return False
