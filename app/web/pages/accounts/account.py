"""Log-in and the own account."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from app.accounts.activity import tell
from app.accounts.identities import issuers_of
from app.accounts.passwords import hash_password
from app.accounts.roles import SCOPES as ROLES_OF_SCOPES
from app.accounts.roles import includes
from app.accounts.sessions import ListedSession, end_listed, end_others, list_sessions, mark_of
from app.accounts.tokens import (
    LONGEST_DAYS,
    SCOPES,
    ListedToken,
    Person,
    create_token,
    list_tokens,
    lock_person,
    revoke_token,
    token_hash,
)
from app.accounts.users import get_user, set_password
from app.db.engine import Database
from app.errors import Conflict, Invalid, NotSignedIn
from app.settings import Settings
from app.web.asking import Confirmed, Question, confirm
from app.web.deps import SESSION_COOKIE, Config, Db, InPerson, SignedIn, still_asks
from app.web.pages.accounts.signing_in import by_password, provider_name, with_session
from app.web.rendering import Page, page_context, plural, render
from app.web.toasts import say

router = APIRouter()

Text = Annotated[str, Form()]


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
    provider: str  # of single sign-on; empty: there is none
    is_linked: bool  # to an account at a provider
    has_password: bool


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
        checked = by_password(request, database, user.name, old)
    except NotSignedIn as error:
        raise Invalid(
            "The password you have now is another one; nothing was changed. Go back and try again."
        ) from error
    password_hash = hash_password(new)
    with database.write() as session:
        changed = lock_person(session, user_id=user.id)
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
        owner = still_asks(session, request, settings, user)
        secret = create_token(
            session, user=owner, name=name, key=settings.secret(), scope=scope, expires_days=days
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
            provider=provider_name(request),
            is_linked=user.id in issuers_of(session, user_id=user.id),
            has_password=get_user(session, name=user.name).has_password,
            here=str(request.base_url).rstrip("/"),
        )
    return render("accounts/account.html", page)
