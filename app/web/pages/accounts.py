"""Log-in and the own account."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from app.accounts.models import ApiToken, User
from app.accounts.tokens import Person, create_token, end_session, list_tokens, revoke_token, start_session
from app.accounts.users import check_password, get_user, set_password
from app.db import Database
from app.errors import Invalid, NotSignedIn
from app.review.claims import release
from app.settings import Settings
from app.web.deps import SESSION_COOKIE, Config, Db, SignedIn
from app.web.rendering import Page, page_context, render

public = APIRouter()
router = APIRouter()

Text = Annotated[str, Form()]


@dataclass(frozen=True, kw_only=True)
class LoginPage(Page):
    """The log-in form; `message` says why it is shown again."""

    next: str
    name: str = ""
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class AccountPage(Page):
    """One's own tokens and password; `secret` is a token just made, shown this once."""

    tokens: tuple[ApiToken, ...]
    secret: str = ""
    done: str = ""


@public.get("/login")
def login_form(request: Request, next: str = "/") -> Response:  # noqa: A002 - the parameter's public name
    """The form."""
    return render(request, "accounts/login.html", LoginPage(**page_context(request), next=local_path(next)))


@public.post("/login")
def log_in(
    request: Request,
    database: Db,
    settings: Config,
    name: Text,
    password: Text,
    next: Text = "/",  # noqa: A002
) -> Response:
    """Check the password, slowly after failures, and start a session."""
    attempts = request.app.state.attempts
    attempts.check(name)
    try:
        with database.read() as session:  # the hash takes 50 ms, which no write lock should
            user = check_password(session, name=name, password=password)
    except NotSignedIn as error:
        attempts.failed(name)
        page = LoginPage(**page_context(request), next=local_path(next), name=name, message=str(error))
        return render(request, "accounts/login.html", page, status=401)
    attempts.succeeded(name)
    return with_session(RedirectResponse(local_path(next), status_code=303), database, settings, user)


@router.post("/logout")
def log_out(request: Request, database: Db, settings: Config, user: SignedIn) -> Response:
    """End this browser's session; the cards I hold go back to the others."""
    with database.write() as session:
        release(session, dataset_id=None, user_id=user.id)
        end_session(session, token=request.cookies.get(SESSION_COOKIE, ""), key=settings.secret())
    response = RedirectResponse("/login", status_code=303)
    response.delete_cookie(SESSION_COOKIE)
    return response


@router.get("/account")
def account(request: Request, database: Db, user: SignedIn, done: str = "") -> Response:
    """My tokens and my password."""
    return _account(
        request,
        database,
        user,
        done="Your password is changed; every other log-in of yours has ended." if done else "",
    )


@router.post("/account/password")
def change_password(
    request: Request, database: Db, settings: Config, user: SignedIn, old: Text, new: Text
) -> Response:
    """A new password, after the old one; other log-ins end."""
    request.app.state.attempts.check(user.name)
    try:
        with database.read() as session:
            check_password(session, name=user.name, password=old)
    except NotSignedIn as error:
        request.app.state.attempts.failed(user.name)
        raise Invalid(
            "The password you have now is another one; nothing was changed. Go back and try again."
        ) from error
    with database.write() as session:
        set_password(session, user=get_user(session, name=user.name), password=new)
    return with_session(RedirectResponse("/account?done=password", status_code=303), database, settings, user)


@router.post("/account/tokens")
def make_token(request: Request, database: Db, settings: Config, user: SignedIn, name: Text) -> Response:
    """A new API token; this answer is the only time it can be read."""
    with database.write() as session:
        secret = create_token(session, user=user, name=name, key=settings.secret())
    return _account(request, database, user, secret=secret)


@router.post("/account/tokens/{token_id}/revoke")
def end_token(database: Db, user: SignedIn, token_id: int) -> Response:
    """End a token."""
    with database.write() as session:
        revoke_token(session, user=user, token_id=token_id)
    return RedirectResponse("/account", status_code=303)


def local_path(target: str) -> str:
    """The target if it is a path of this site, else the start page: a log-in must not lead to another site."""
    plain = target.isprintable() and "\\" not in target
    return target if plain and target.startswith("/") and not target.startswith("//") else "/"


def with_session(response: Response, database: Database, settings: Settings, user: User | Person) -> Response:
    """The response, with a new log-in in its cookie."""
    with database.write() as session:
        token = start_session(session, user=user, days=settings.session_days, key=settings.secret())
    response.set_cookie(
        SESSION_COOKIE,
        token,
        max_age=int(settings.session_days * 86_400),
        httponly=True,
        samesite="lax",
        secure=settings.secure_cookies,
    )
    return response


def _account(
    request: Request, database: Database, user: Person, *, secret: str = "", done: str = ""
) -> Response:
    with database.read() as session:
        page = AccountPage(
            **page_context(request), tokens=tuple(list_tokens(session, user=user)), secret=secret, done=done
        )
    return render(request, "accounts/account.html", page)
