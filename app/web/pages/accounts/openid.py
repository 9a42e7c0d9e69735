"""Single sign-on: to the provider of OpenID Connect, and back from there.

What a browser needs to come back is in a signed cookie of its own: state, nonce and the verifier of PKCE, and
what it is for. A code that another browser brings, or brings twice, opens nothing.
"""

import hmac
import logging
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response
from itsdangerous import BadData, URLSafeTimedSerializer

from app.accounts.activity import UNKNOWN_NAME, Act, doing, nothing_done, tell
from app.accounts.first_admin import has_users
from app.accounts.identities import accept, link, sign_on, unlink
from app.accounts.openid import Flow, Identity, Provider, Silent, Unbelieved
from app.accounts.users import get_user
from app.db.engine import Database
from app.errors import Invalid, NotFound, NotSignedIn, ToplossError
from app.settings import Settings
from app.web.activity import address_of
from app.web.deps import Config, Db, InPerson, still_asks, who_glances
from app.web.pages.accounts.choosing import checked_link
from app.web.pages.accounts.signing_in import FIRST_ADMIN, by_password, local_path, login_page, with_session
from app.web.rendering import Page, page_context, render
from app.web.strict import ReadsItself
from app.web.toasts import say

log = logging.getLogger(__name__)

public = APIRouter()
router = APIRouter()

START = "/login/openid"
CALLBACK = f"{START}/callback"
COOKIE = "toploss_openid"
SECONDS = 600  # in which a browser has to come back
ANOTHER_BROWSER = "This log-in was not begun in this browser, or more than ten minutes ago. Try again."


@dataclass(frozen=True)
class Trip:
    """What a browser keeps while it is at the provider."""

    flow: Flow
    next: str = "/"
    user_id: int | None = None  # somebody who is signed in and links their account
    link: str = ""  # the secret of an invitation


@dataclass(frozen=True, kw_only=True)
class ContinuePage(Page):
    """A link to the provider.

    A form cannot lead there: the policy of these pages lets a browser send forms to this server only.
    """

    provider: str
    address: str


class _AnyQuery(ReadsItself):
    """Providers add parameters of their own."""

    place = "query"

    async def __call__(self, request: Request) -> dict[str, str]:
        return dict(request.query_params)


def _provider(request: Request) -> Provider:
    provider: Provider = request.app.state.provider
    if not provider.is_set:
        raise NotFound("This server has no single sign-on; sign in with a password.")
    return provider


@public.get(START)
async def start(
    request: Request,
    database: Db,
    next: str = "/",  # noqa: A002 - the parameter's public name
) -> Response:
    """Send the browser to the provider."""
    _provider(request)
    if not await run_in_threadpool(_has_users, database):
        return RedirectResponse(FIRST_ADMIN, status_code=303)
    try:
        return await _leave(request, next=local_path(next))
    except Silent as error:
        return _log_in_again(request, error, next=local_path(next))


@public.post(f"{START}/invited")
async def start_invited(
    request: Request, database: Db, settings: Config, link: Annotated[str, Form(max_length=2000)]
) -> Response:
    """Lead somebody who was invited to the provider, where they sign in instead of choosing a password."""
    _provider(request)
    try:
        secret, _user = await run_in_threadpool(checked_link, request, database, settings, link)
        return await _leave(request, is_form=True, link=secret)
    except (NotSignedIn, Silent) as error:
        return _log_in_again(request, error)


@router.post("/account/openid")
async def start_linking(
    request: Request, database: Db, user: InPerson, old: Annotated[str, Form()]
) -> Response:
    """Lead somebody who has a password to the provider, to sign in there from now on."""
    _provider(request)
    try:
        await run_in_threadpool(by_password, request, database, user.name, old)
    except NotSignedIn as error:
        raise Invalid("Your password is another one; nothing was changed. Go back and try again.") from error
    try:
        return await _leave(request, is_form=True, user_id=user.id)
    except Silent as error:
        _log(request, error)
        return say(request, RedirectResponse("/account", status_code=303), str(error))


@router.post("/account/openid/unlink")
def end_link(request: Request, database: Db, user: InPerson) -> Response:
    """Sign in by password only from now on."""
    with database.write() as session:
        unlink(session, user=get_user(session, name=user.name))
    return say(request, RedirectResponse("/account", status_code=303), "You sign in with your password only")


async def _leave(request: Request, *, is_form: bool = False, **kept: Any) -> Response:
    """To the provider, with what the browser needs to come back. Raises Silent."""
    provider = _provider(request)
    address, flow = await provider.begin(redirect_uri=str(request.base_url).rstrip("/") + CALLBACK)
    response: Response = RedirectResponse(address, status_code=303)
    if is_form:
        page = ContinuePage(**page_context(request), provider=provider.name, address=address)
        response = render("accounts/continue.html", page)
    settings: Settings = request.app.state.settings
    response.set_cookie(
        COOKIE,
        _signer(settings).dumps(asdict(Trip(flow, **kept))),
        max_age=SECONDS,
        path=START,
        httponly=True,
        samesite="lax",  # the provider leads back from another site
        secure=settings.secure_cookies or request.url.scheme == "https",
    )
    return response


@public.get(CALLBACK)
async def come_back(
    request: Request, database: Db, settings: Config, query: Annotated[dict[str, str], Depends(_AnyQuery())]
) -> Response:
    """Sign in whom the provider has sent back."""
    provider, trip = _provider(request), None
    try:
        trip = _trip(request, settings, query)
        # Failures are not counted as wrong passwords are: nobody can guess the state or the code.
        if error := query.get("error"):
            raise provider.refusal(error, query.get("error_description", ""))
        identity = await provider.finish(trip.flow, code=query.get("code", ""))
        response = await run_in_threadpool(_let_in, request, database, settings, trip, identity)
    except ToplossError as error:
        response = await run_in_threadpool(_refused, request, database, trip, error)
    response.delete_cookie(COOKIE, path=START, httponly=True, samesite="lax")
    return response


def _trip(request: Request, settings: Settings, query: dict[str, str]) -> Trip:
    """What this browser began. Raises Unbelieved."""
    try:
        kept = _signer(settings).loads(request.cookies.get(COOKIE, ""), max_age=SECONDS)
    except BadData as error:
        raise Unbelieved(ANOTHER_BROWSER, reason=f"no cookie of this log-in: {error}") from error
    trip = Trip(**kept | {"flow": Flow(**kept["flow"])})
    if "error" in query and "state" not in query:  # some providers leave it out; an error opens nothing
        return trip
    if not hmac.compare_digest(trip.flow.state.encode(), query.get("state", "").encode()):
        raise Unbelieved(ANOTHER_BROWSER, reason="another state")
    return trip


def _let_in(
    request: Request, database: Database, settings: Settings, trip: Trip, identity: Identity
) -> Response:
    """Link the account or start a session. Raises Forbidden, Conflict, NotSignedIn."""
    provider = _provider(request).name
    if trip.user_id is not None:
        person = who_glances(request, database, settings)
        if person.id != trip.user_id:
            raise Unbelieved("Somebody else is signed in now; nothing was linked.", reason="another person")
        linked = _act(request, "account: single sign-on linked", person.name, provider)
        with doing(linked), database.write() as session:
            still_asks(session, request, settings, person)
            link(session, user=get_user(session, name=person.name), identity=identity)
        words = f"You can sign in with {provider} from now on"
        return say(request, RedirectResponse("/account", status_code=303), words)
    joined = _act(request, "people: joined by single sign-on", UNKNOWN_NAME, provider)
    with doing(joined), database.write() as session:
        if trip.link:
            user = accept(session, secret=trip.link, key=settings.secret(), identity=identity)
            tell("invited")
        else:
            user, is_new = sign_on(session, identity, role=settings.oidc_role)
            if not is_new:
                nothing_done()
            tell(user.role)
        joined.person = user.name
    response = RedirectResponse(local_path(trip.next), status_code=303)
    with doing(_act(request, "sign-in: signed in", user.name, provider)):
        return with_session(request, response, database, settings, user)


def _refused(request: Request, database: Database, trip: Trip | None, error: ToplossError) -> Response:
    """Say why nobody was signed in, there and in the logs."""
    reason = _log(request, error)
    if trip is not None:  # anybody can come without having begun
        failed = _act(request, "sign-in: failed", UNKNOWN_NAME, f"{_provider(request).name}: {reason}")
        with doing(failed), database.write():
            pass
    if trip is not None and trip.user_id is not None:
        return say(request, RedirectResponse("/account", status_code=303), str(error))
    return _log_in_again(request, error, next=trip.next if trip else "/", is_logged=True)


def _log_in_again(
    request: Request,
    error: ToplossError,
    *,
    next: str = "/",  # noqa: A002
    is_logged: bool = False,
) -> Response:
    if not is_logged:
        _log(request, error)
    return login_page(request, next=next, error=error)


def _log(request: Request, error: ToplossError) -> str:
    """Write to the log why nobody was signed in, and return it."""
    reason = error.reason if isinstance(error, Unbelieved | Silent) else str(error)
    log.warning("no log-in by %s: %s", _provider(request).name, reason)
    return reason


def _act(request: Request, kind: str, person: str, about: str) -> Act:
    return Act(kind=kind, person=person, via="browser", address=address_of(request), about=about)


def _has_users(database: Database) -> bool:
    with database.read() as session:
        return has_users(session)


def _signer(settings: Settings) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(settings.secret(), salt="openid")
