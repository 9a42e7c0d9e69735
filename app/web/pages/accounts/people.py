"""The people who may sign in; an admin's page."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from app.accounts.models import User
from app.accounts.passwords import hash_password
from app.accounts.tokens import Access, ListedToken, access_of, list_tokens, revoke_token
from app.accounts.users import ROLES, add_user, change_user, get_user, list_users, set_password
from app.web.asking import Confirmed, Question, confirm
from app.web.deps import Admin, AdminInPerson, Db
from app.web.pages.accounts.account import revocation
from app.web.rendering import Page, count, page_context, render
from app.web.toasts import say

router = APIRouter()

Text = Annotated[str, Form()]


@dataclass(frozen=True, kw_only=True)
class PeoplePage(Page):
    """Who may sign in."""

    people: tuple[User, ...]
    tokens: tuple[ListedToken, ...]
    roles: tuple[str, ...] = ROLES


@router.get("/people")
def people(request: Request, database: Db, _admin: Admin) -> Response:
    """Everybody with their API tokens, and a form for one more."""
    with database.read() as session:
        page = PeoplePage(
            **page_context(request),
            people=tuple(list_users(session)),
            tokens=tuple(list_tokens(session)),
        )
    return render("accounts/people.html", page)


@router.post("/people")
def add_person(
    request: Request, database: Db, _admin: AdminInPerson, name: Text, role: Text, password: Text
) -> Response:
    """Add a person."""
    password_hash = hash_password(password)
    with database.write() as session:
        user = add_user(session, name=name.strip(), role=role, password_hash=password_hash)
    return _back(request, f"{user.name} can sign in now")


@router.post("/people/{name}")
def change_person(
    request: Request,
    database: Db,
    _admin: AdminInPerson,
    name: str,
    role: Annotated[str | None, Form()] = None,
    active: Annotated[bool | None, Form()] = None,
    confirmed: Confirmed = "",
) -> Response:
    """Change the role, or deactivate or reactivate a person."""
    with database.write() as session:
        user = get_user(session, name=name)
        was, access = user.role, access_of(session, user_id=user.id)
        user = change_user(session, name=name, role=role, active=active)
        if active is False:
            confirm(_deactivation(name, access), confirmed)
        elif user.role != was:
            confirm(_new_role(name, user.role, access), confirmed)
    if active is not None:
        return _back(request, f"{name} can sign in again" if active else f"{name} is deactivated")
    return _back(request, f"{name} is an {user.role} now" if user.role != was else "Nothing was changed")


def _deactivation(name: str, access: Access) -> Question:
    log_ins = f"{count(access.log_ins)} log-in{' ends' if access.log_ins == 1 else 's end'} now"
    tokens = f"{count(access.tokens)} API token{' is' if access.tokens == 1 else 's are'} revoked for good"
    ends = f"{name} cannot sign in any more: {log_ins}, and {tokens}."
    return Question(
        f"Deactivate {name}?",
        (
            ends,
            "What they decided stays. You can let them in again; their tokens do not come back.",
        ),
        f"Deactivate {name}",
        "/people",
    )


def _new_role(name: str, role: str, access: Access) -> Question:
    if role == "admin":
        can = f"{name} may then import, train, create the checked test set, adjudicate and manage people."
        return Question(f"Make {name} an admin?", (can,), f"Make {name} an admin", "/people", danger=False)
    facts = [f"{name} may then decide only: not import, train, adjudicate or manage people."]
    if access.admin_tokens:
        lowered = "1 API token" if access.admin_tokens == 1 else f"{count(access.admin_tokens)} API tokens"
        facts.append(f"{lowered} of theirs with the scope admin may then annotate only, for good.")
    return Question(f"Make {name} an annotator?", tuple(facts), f"Make {name} an annotator", "/people")


@router.post("/people/{name}/password")
def reset_password(
    request: Request, database: Db, _admin: AdminInPerson, name: str, password: Text
) -> Response:
    """Set a new password for a person; their log-ins end and their API tokens are revoked."""
    password_hash = hash_password(password)
    with database.write() as session:
        set_password(session, user=get_user(session, name=name), password_hash=password_hash)
    words = f"{name} has a new password. Their log-ins have ended, and their API tokens are revoked."
    return _back(request, words)


@router.post("/people/tokens/{token_id}/revoke")
def end_token(
    request: Request, database: Db, _admin: AdminInPerson, token_id: int, confirmed: Confirmed = ""
) -> Response:
    """End anybody's API token."""
    with database.write() as session:
        gone = revoke_token(session, token_id=token_id)
        confirm(revocation(gone, back="/people#tokens"), confirmed)
    return _back(request, f"The token “{gone.name}” of {gone.owner} is revoked", "/people#tokens")


def _back(request: Request, words: str, address: str = "/people") -> Response:
    return say(request, RedirectResponse(address, status_code=303), words)
