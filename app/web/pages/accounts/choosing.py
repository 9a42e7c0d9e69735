"""The page behind a one-time link: a person chooses their password."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from app.accounts.activity import UNKNOWN_NAME, Act, doing
from app.accounts.attempts import Attempts
from app.accounts.links import PAGE, secret_of, use_link, user_of_link
from app.accounts.models import User
from app.accounts.passwords import MIN_PASSWORD, hash_password
from app.db.engine import Database
from app.errors import Invalid, NotSignedIn, TooManyAttempts
from app.settings import Settings
from app.web.activity import address_of
from app.web.deps import Config, Db
from app.web.errors import headers_of, status_of
from app.web.pages.accounts.signing_in import provider_name, with_session
from app.web.rendering import Page, page_context, render
from app.web.toasts import say

public = APIRouter()

GUESSES_OF = "a one-time link"  # whatever link it is: its guesses are counted by address


@dataclass(frozen=True, kw_only=True)
class ChoosePage(Page):
    """First the form for the link, then, where it is good, the form for the password of its person."""

    secret: str = ""
    name: str = ""
    is_new: bool = False  # an invitation
    message: str = ""
    shortest: int = MIN_PASSWORD
    provider: str  # of single sign-on; empty: there is none


@public.get(PAGE)
def ask_for_link(request: Request) -> Response:
    """A form for the link, which a script fills in and sends: a browser sends nothing of what follows #."""
    page = ChoosePage(**page_context(request), provider=provider_name(request))
    return render("accounts/choose_password.html", page)


@public.post(PAGE)
def choose_password(
    request: Request,
    database: Db,
    settings: Config,
    link: Annotated[str, Form(max_length=2000)],
    password: Annotated[str | None, Form()] = None,
) -> Response:
    """Show whose link it is; with a password, use the link and sign the person in."""
    secret, user = secret_of(link), None
    try:
        secret, user = checked_link(request, database, settings, link)
        if password is None:
            return _form(request, secret, user)
        password_hash = hash_password(password)
        act = Act("sign-in: password chosen", user.name, "browser", address_of(request))
        with doing(act), database.write() as session:
            user, _ended = use_link(
                session, secret=secret, key=settings.secret(), password_hash=password_hash
            )
    except (Invalid, NotSignedIn, TooManyAttempts) as error:
        return _form(request, secret, None if isinstance(error, NotSignedIn) else user, error=error)
    response = say(request, RedirectResponse("/", status_code=303), f"Welcome, {user.name}")
    return with_session(request, response, database, settings, user)


def checked_link(request: Request, database: Database, settings: Settings, link: str) -> tuple[str, User]:
    """The secret of a link, and whose it is. Raises NotSignedIn, TooManyAttempts."""
    secret = secret_of(link)
    attempts: Attempts = request.app.state.attempts
    address = address_of(request)
    try:
        with attempts.guess(GUESSES_OF, address, is_known=True), database.read() as session:
            return secret, user_of_link(session, secret=secret, key=settings.secret())
    except NotSignedIn:
        failed = Act("sign-in: failed", UNKNOWN_NAME, "browser", address, about=GUESSES_OF)
        with doing(failed), database.write():
            pass
        raise


def _form(
    request: Request,
    secret: str,
    user: User | None,
    *,
    error: Invalid | NotSignedIn | TooManyAttempts | None = None,
) -> Response:
    page = ChoosePage(
        **page_context(request),
        secret=secret if user else "",
        name=user.name if user else "",
        is_new=user is not None and user.is_invited,
        message=str(error) if error else "",
        provider=provider_name(request),
    )
    status, headers = (status_of(error), headers_of(error)) if error else (200, {})
    return render("accounts/choose_password.html", page, status=status, headers=headers)
