"""The people who may sign in; an admin's page."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from app.accounts.activity import nothing_done, tell
from app.accounts.identities import issuers_of, unlink_person
from app.accounts.links import LINK_DAYS, address_of, invite, make_link, open_links, withdraw_link
from app.accounts.models import User
from app.accounts.openid import Provider
from app.accounts.roles import ANNOTATOR, MAY, includes, most_scope, named
from app.accounts.sessions import ListedSession, end_listed, list_sessions
from app.accounts.tokens import Access, ListedToken, access_of, list_tokens, revoke_token
from app.accounts.users import change_user, get_user, list_users
from app.db.engine import Database
from app.review.claims import release
from app.web.asking import Confirmed, Question, confirm
from app.web.deps import Admin, AdminInPerson, Config, Db
from app.web.pages.accounts.account import revocation
from app.web.rendering import Page, count, page_context, render
from app.web.toasts import say

router = APIRouter()

Text = Annotated[str, Form()]
A_PAGE = 100  # log-ins


@dataclass(frozen=True)
class NewLink:
    """A link just made, shown this once."""

    name: str
    address: str
    is_invitation: bool
    provider: str = ""  # by which the person can sign in, whatever their password; empty: by none


@dataclass(frozen=True, kw_only=True)
class PeoplePage(Page):
    """Who may sign in."""

    people: tuple[User, ...]
    links: dict[int, datetime]  # when each person's open link expires
    sessions: tuple[ListedSession, ...]  # a page of them
    next_sessions: int  # how many come before the next page of them; 0: there is none
    tokens: tuple[ListedToken, ...]
    new_link: NewLink | None = None
    link_days: int = LINK_DAYS
    linked: dict[int, str]  # the provider of those whose link to it can end: they have a password, too
    ways: dict[int, str]  # how each person signs in, where not all do by password
    roles: dict[str, str] = field(default_factory=lambda: MAY)  # what each of them may do


@router.get("/people")
def people(
    request: Request,
    database: Db,
    _admin: Admin,
    log_ins: Annotated[int, Query(ge=0, lt=2**31, description="How many log-ins are left out.")] = 0,
) -> Response:
    """Everybody with their API tokens, and a form that invites one more."""
    return _people(request, database, skip=log_ins)


@router.post("/people")
def invite_person(
    request: Request, database: Db, settings: Config, _admin: AdminInPerson, name: Text, role: Text
) -> Response:
    """Invite a person; this answer is the only time their link can be read."""
    name = name.strip()
    with database.write() as session:
        secret = invite(session, name=name, role=role, key=settings.secret())
        tell(f"{name} as {role}")
    return _people(request, database, _new_link(request, name, secret, is_invitation=True))


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
            confirm(_new_role(name, was, user.role, access), confirmed)
        elif active is None:
            nothing_done()
        if not user.active or not includes(user.role, ANNOTATOR):
            release(session, dataset_id=None, user_id=user.id)  # they review nothing more
        tell(user.role if active is None else "let in again" if active else "deactivated")
    if active is not None:
        return _back(request, f"{name} can sign in again" if active else f"{name} is deactivated")
    return _back(request, f"{name} is {named(user.role)} now" if user.role != was else "Nothing was changed")


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


def _new_role(name: str, was: str, role: str, access: Access) -> Question:
    is_more, will_be = includes(role, was), f"Make {name} {named(role)}"
    facts = [f"{name} may then {MAY[role]}."]
    if number := access.above(role):
        lowered = "1 API token" if number == 1 else f"{count(number)} API tokens"
        facts.append(f"{lowered} of theirs may then {most_scope(role)} only, for good.")
    return Question(f"{will_be}?", tuple(facts), will_be, "/people", danger=not is_more)


@router.post("/people/{name}/link")
def make_new_link(
    request: Request, database: Db, settings: Config, _admin: AdminInPerson, name: str
) -> Response:
    """A link with which a person chooses a password; this answer is the only time it can be read."""
    with database.write() as session:
        user = get_user(session, name=name)
        secret = make_link(session, user=user, key=settings.secret())
        issuer = issuers_of(session, user_id=user.id).get(user.id)
    new = _new_link(request, name, secret, is_invitation=user.is_invited)
    provider: Provider = request.app.state.provider
    return _people(request, database, replace(new, provider=provider.name_of(issuer)) if issuer else new)


@router.post("/people/{name}/link/withdraw")
def end_link(
    request: Request, database: Db, _admin: AdminInPerson, name: str, confirmed: Confirmed = ""
) -> Response:
    """End a person's link; somebody who was only invited is removed."""
    with database.write() as session:
        is_removed = withdraw_link(session, name=name)
        if is_removed:
            confirm(_withdrawal(name), confirmed)
    words = f"The invitation of {name} is withdrawn" if is_removed else f"The link of {name} is withdrawn"
    return _back(request, words)


def _withdrawal(name: str) -> Question:
    return Question(
        f"Withdraw the invitation of {name}?",
        ("Their link stops working, and the name is free again.",),
        "Withdraw the invitation",
        "/people",
    )


@router.post("/people/{name}/unlink")
def end_single_sign_on(
    request: Request, database: Db, _admin: AdminInPerson, name: str, confirmed: Confirmed = ""
) -> Response:
    """End the link of a person to their account at a provider."""
    with database.write() as session:
        provider = request.app.state.provider.name_of(unlink_person(session, name=name))
        confirm(_unlinking(name, provider), confirmed)
    return _back(request, f"{name} signs in with their password only")


def _unlinking(name: str, provider: str) -> Question:
    facts = (
        f"{name} cannot sign in with {provider} any more, only with their password.",
        "Log-ins that are open stay open; a new password ends them.",
    )
    return Question(f"End the link of {name} to {provider}?", facts, "End the link", "/people")


@router.post("/people/tokens/{token_id}/revoke")
def end_token(
    request: Request, database: Db, _admin: AdminInPerson, token_id: int, confirmed: Confirmed = ""
) -> Response:
    """End anybody's API token."""
    with database.write() as session:
        gone = revoke_token(session, token_id=token_id)
        tell(f"{gone.name} of {gone.owner}")
        confirm(revocation(gone, back="/people#tokens"), confirmed)
    return _back(request, f"The token “{gone.name}” of {gone.owner} is revoked", "/people#tokens")


@router.post("/people/sessions/{mark}/end")
def end_log_in(request: Request, database: Db, _admin: AdminInPerson, mark: str) -> Response:
    """End anybody's log-in."""
    with database.write() as session:
        gone = end_listed(session, mark=mark)
        tell(f"{gone.browser} of {gone.owner}")
    return _back(request, f"The log-in of {gone.owner} with {gone.browser} has ended", "/people#log-ins")


def _new_link(request: Request, name: str, secret: str, *, is_invitation: bool) -> NewLink:
    return NewLink(name, address_of(secret, server=str(request.base_url)), is_invitation)


def _people(
    request: Request, database: Database, new_link: NewLink | None = None, *, skip: int = 0
) -> Response:
    with database.read() as session:
        sessions = list_sessions(session, skip=skip, most=A_PAGE + 1)
        page = PeoplePage(
            **page_context(request),
            people=tuple(list_users(session)),
            links=open_links(session),
            sessions=tuple(sessions[:A_PAGE]),
            next_sessions=skip + A_PAGE if len(sessions) > A_PAGE else 0,
            tokens=tuple(list_tokens(session)),
            new_link=new_link,
            linked=_linked(session, request.app.state.provider),
            ways=_ways(session, request.app.state.provider),
        )
    return render("accounts/people.html", page)


def _linked(session: Session, provider: Provider) -> dict[int, str]:
    issuers = issuers_of(session)
    people = (each for each in list_users(session) if each.id in issuers and each.has_password)
    return {each.id: provider.name_of(issuers[each.id]) for each in people}


def _ways(session: Session, provider: Provider) -> dict[int, str]:
    """How each person signs in, in words, by their id; nothing where all do by password."""
    linked = issuers_of(session)
    if not (provider.is_set or linked):
        return {}
    found = {}
    for each in list_users(session):
        ways = ["password"] if each.has_password else []
        ways += [provider.name_of(linked[each.id])] if each.id in linked else []
        found[each.id] = " or ".join(ways)
    return found


def _back(request: Request, words: str, address: str = "/people") -> Response:
    return say(request, RedirectResponse(address, status_code=303), words)
