"""Log-in by password, log-out, and the session that every log-in starts."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from app.accounts.activity import UNKNOWN_NAME, Act, doing
from app.accounts.attempts import Attempts
from app.accounts.first_admin import has_users
from app.accounts.models import User
from app.accounts.openid import Provider
from app.accounts.sessions import browser_of
from app.accounts.tokens import Uses, end_session, start_session
from app.accounts.users import check_password, find_user
from app.db.engine import Database
from app.errors import NotSignedIn, TooManyAttempts, ToplossError
from app.review.claims import release
from app.settings import Settings
from app.web.activity import address_of
from app.web.deps import SESSION_COOKIE, Config, Db, SignedIn
from app.web.errors import headers_of, status_of
from app.web.rendering import Page, page_context, render

public = APIRouter()
router = APIRouter()

FIRST_ADMIN = "/first-admin"
Text = Annotated[str, Form()]


@dataclass(frozen=True, kw_only=True)
class LoginPage(Page):
    """The log-in form; `message` says why it is shown again."""

    next: str
    name: str = ""
    message: str = ""
    provider: str = ""  # of single sign-on; empty: there is none


@public.get("/login")
def login_form(
    request: Request,
    database: Db,
    next: str = "/",  # noqa: A002 - the parameter's public name
) -> Response:
    """The form; that of the first admin while there is nobody who could sign in."""
    with database.read() as session:
        if not has_users(session):
            return RedirectResponse(FIRST_ADMIN, status_code=303)
    return login_page(request, next=local_path(next))


def login_page(
    request: Request,
    *,
    next: str,  # noqa: A002
    name: str = "",
    error: ToplossError | None = None,
) -> Response:
    """The form, with what went wrong before."""
    page = LoginPage(
        **page_context(request),
        next=next,
        name=name,
        message=str(error) if error else "",
        provider=provider_name(request),
    )
    status, headers = (status_of(error), headers_of(error)) if error else (200, {})
    return render("accounts/login.html", page, status=status, headers=headers)


def provider_name(request: Request) -> str:
    """How people know the provider of single sign-on; empty: there is none."""
    provider: Provider = request.app.state.provider
    return provider.name if provider.is_set else ""


@public.post("/login")
def log_in(
    request: Request,
    database: Db,
    settings: Config,
    name: Text,
    password: Text,
    next: Text = "/",  # noqa: A002
) -> Response:
    """Check the password, slowly after wrong ones, and start a session."""
    try:
        user = by_password(request, database, name, password)
        response = RedirectResponse(local_path(next), status_code=303)
        with doing(_act(request, "sign-in: signed in", user.name)):
            return with_session(request, response, database, settings, user)
    except (NotSignedIn, TooManyAttempts) as error:
        return login_page(request, next=local_path(next), name=name, error=error)


@router.post("/logout")
def log_out(request: Request, database: Db, settings: Config, user: SignedIn) -> Response:
    """End this browser's session and release the person's cards."""
    with database.write() as session:
        release(session, dataset_id=None, user_id=user.id)
        end_session(session, token=request.cookies.get(SESSION_COOKIE, ""), key=settings.secret())
    response = RedirectResponse("/login", status_code=303)
    response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="lax")
    return response


def local_path(target: str) -> str:
    """The target if it is a path of this site, else the start page; a log-in must not open another site."""
    plain = target.isprintable() and "\\" not in target
    return target if plain and target.startswith("/") and not target.startswith("//") else "/"


def with_session(
    request: Request, response: Response, database: Database, settings: Settings, user: User
) -> Response:
    """The response, with a new log-in in its cookie.

    Raises NotSignedIn where the password was changed or the person deactivated since the user was read.
    """
    with database.write() as session:
        token = start_session(
            session,
            user=user,
            days=settings.session_days,
            key=settings.secret(),
            browser=browser_of(request.headers.get("user-agent", "")),
        )
    uses: Uses = request.app.state.token_uses
    uses.is_new(token)  # its first use is recorded with it
    response.set_cookie(
        SESSION_COOKIE,
        token,
        max_age=int(settings.session_days * 86_400),
        httponly=True,
        samesite="lax",
        secure=settings.secure_cookies or request.url.scheme == "https",
    )
    return response


def by_password(request: Request, database: Database, name: str, password: str) -> User:
    """The person with this name and password. Raises NotSignedIn, TooManyAttempts."""
    with database.read() as session:
        user = find_user(session, name=name)
    address = address_of(request)
    attempts: Attempts = request.app.state.attempts
    try:
        with attempts.guess(name, address, is_known=user is not None):
            return check_password(user, password=password)
    except NotSignedIn:
        failed = _act(request, "sign-in: failed", user.name if user else UNKNOWN_NAME)
        with doing(failed), database.write():
            pass
        raise


def _act(request: Request, kind: str, person: str) -> Act:
    return Act(kind=kind, person=person, via="browser", address=address_of(request))
