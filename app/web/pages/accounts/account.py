"""Log-in and the own account."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from app.accounts.activity import UNKNOWN_NAME, Act, doing, tell
from app.accounts.attempts import Attempts
from app.accounts.first_admin import has_users
from app.accounts.models import User
from app.accounts.passwords import hash_password
from app.accounts.roles import SCOPES as ROLES_OF_SCOPES
from app.accounts.roles import includes
from app.accounts.sessions import ListedSession, browser_of, end_listed, end_others, list_sessions, mark_of
from app.accounts.tokens import (
    LONGEST_DAYS,
    SCOPES,
    ListedToken,
    Person,
    Uses,
    create_token,
    end_session,
    list_tokens,
    revoke_token,
    start_session,
    token_hash,
)
from app.accounts.users import check_password, find_user, get_user, set_password
from app.db.engine import Database
from app.errors import Conflict, Invalid, NotSignedIn, TooManyAttempts
from app.review.claims import release
from app.settings import Settings
from app.web.activity import address_of
from app.web.asking import Confirmed, Question, confirm
from app.web.deps import SESSION_COOKIE, Config, Db, InPerson, SignedIn
from app.web.errors import headers_of, status_of
from app.web.rendering import Page, page_context, plural, render
from app.web.toasts import say

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


@dataclass(frozen=True, kw_only=True)
class AccountPage(Page):
    """One's own tokens and password; `secret` is a token just made, shown this once."""

    sessions: tuple[ListedSession, ...]
    this_session: str  # its mark
    tokens: tuple[ListedToken, ...]
    scopes: dict[str, str]
    longest_days: int = LONGEST_DAYS
    secret: str = ""
    here: str = ""  # the address of this server, as the browser asked for it


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
    return render("accounts/login.html", LoginPage(**page_context(request), next=local_path(next)))


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
        user = _by_password(request, database, name, password)
        response = RedirectResponse(local_path(next), status_code=303)
        with doing(_act(request, "sign-in: signed in", user.name)):
            return with_session(request, response, database, settings, user)
    except (NotSignedIn, TooManyAttempts) as error:
        page = LoginPage(**page_context(request), next=local_path(next), name=name, message=str(error))
        status, headers = status_of(error), headers_of(error)
        return render("accounts/login.html", page, status=status, headers=headers)


@router.post("/logout")
def log_out(request: Request, database: Db, settings: Config, user: SignedIn) -> Response:
    """End this browser's session and release the person's cards."""
    with database.write() as session:
        release(session, dataset_id=None, user_id=user.id)
        end_session(session, token=request.cookies.get(SESSION_COOKIE, ""), key=settings.secret())
    response = RedirectResponse("/login", status_code=303)
    response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="lax")
    return response


@router.get("/account")
def account(request: Request, database: Db, user: SignedIn) -> Response:
    """My tokens and my password."""
    return _account(request, database, user)


@router.post("/account/password")
def change_password(
    request: Request, database: Db, settings: Config, user: InPerson, old: Text, new: Text
) -> Response:
    """A new password, after the old one; other log-ins end and API tokens are revoked."""
    try:
        checked = _by_password(request, database, user.name, old)
    except NotSignedIn as error:
        raise Invalid(
            "The password you have now is another one; nothing was changed. Go back and try again."
        ) from error
    password_hash = hash_password(new)
    with database.write() as session:
        changed = get_user(session, name=user.name)
        if changed.password_hash != checked.password_hash:
            raise Conflict(
                "Your password was changed at this moment; nothing was changed here. Sign in again."
            )
        set_password(session, user=changed, password_hash=password_hash)
    words = (
        "Your password is changed. Every other log-in of yours has ended, and your API tokens are revoked."
    )
    back = say(request, RedirectResponse("/account", status_code=303), words)
    return with_session(request, back, database, settings, changed)


@router.post("/account/sessions/{mark}/end")
def end_log_in(request: Request, database: Db, user: InPerson, mark: str) -> Response:
    """End one of my log-ins."""
    with database.write() as session:
        gone = end_listed(session, mark=mark, user_id=user.id)
        tell(gone.browser)
    return say(
        request, RedirectResponse("/account", status_code=303), f"The log-in of {gone.browser} has ended"
    )


@router.post("/account/end-others")
def end_other_log_ins(request: Request, database: Db, user: InPerson) -> Response:
    """End all my log-ins but this one."""
    with database.write() as session:
        others = end_others(session, user_id=user.id, token_hash=_hash_of_this(request))
    words = f"{plural(others, 'other log-in')} {'has' if others == 1 else 'have'} ended"
    return say(request, RedirectResponse("/account", status_code=303), words)


@router.post("/account/tokens")
def make_token(
    request: Request,
    database: Db,
    settings: Config,
    user: InPerson,
    name: Text,
    scope: Annotated[str | None, Form()] = None,
    expires_days: Annotated[str, Form(description="Empty: never.")] = "",
) -> Response:
    """A new API token; this answer is the only time it can be read."""
    days = _days(expires_days.strip())
    with database.write() as session:
        secret = create_token(
            session, user=user, name=name, key=settings.secret(), scope=scope, expires_days=days
        )
        tell(name.strip())
    return _account(request, database, user, secret=secret)


@router.post("/account/tokens/{token_id}/revoke")
def end_token(
    request: Request, database: Db, user: InPerson, token_id: int, confirmed: Confirmed = ""
) -> Response:
    """End a token."""
    with database.write() as session:
        gone = revoke_token(session, token_id=token_id, user_id=user.id)
        tell(gone.name)
        confirm(revocation(gone, back="/account"), confirmed)
    words = f"The token “{gone.name}” is revoked"
    return say(request, RedirectResponse("/account", status_code=303), words)


def revocation(token: ListedToken, *, back: str) -> Question:
    """Whether a token is to end."""
    return Question(
        f"Revoke the API token “{token.name}” of {token.owner}?",
        ("Whatever uses it stops working at once. It cannot be brought back; a new token can be made.",),
        "Revoke the token",
        back,
    )


def _days(typed: str) -> float | None:
    try:
        return float(typed) if typed else None
    except ValueError as error:
        raise Invalid(
            f"“{typed[:20]}” is no number of days; leave it empty for a token without an end."
        ) from error


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


def _by_password(request: Request, database: Database, name: str, password: str) -> User:
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


def _hash_of_this(request: Request) -> str:
    """The hash of the log-in that asks."""
    settings: Settings = request.app.state.settings
    return token_hash(request.cookies.get(SESSION_COOKIE, ""), key=settings.secret())


def _account(request: Request, database: Database, user: Person, *, secret: str = "") -> Response:
    with database.read() as session:
        page = AccountPage(
            **page_context(request),
            sessions=tuple(list_sessions(session, user_id=user.id)),
            this_session=mark_of(_hash_of_this(request)),
            tokens=tuple(list_tokens(session, user_id=user.id)),
            scopes={
                scope: words for scope, words in SCOPES.items() if includes(user.role, ROLES_OF_SCOPES[scope])
            },
            secret=secret,
            here=str(request.base_url).rstrip("/"),
        )
    return render("accounts/account.html", page)
