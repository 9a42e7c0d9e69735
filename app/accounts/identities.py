"""Which account belongs to whom at a provider of single sign-on.

An identity is the provider and its word for the person (issuer and subject). Names and e-mail addresses are
no identity: whoever could choose one at the provider would get the account of somebody else.
"""

import re
from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts.first_admin import has_users
from app.accounts.links import use_up
from app.accounts.models import ELSEWHERE, OutsideIdentity, User
from app.accounts.openid import Identity
from app.accounts.users import LONGEST_NAME, add_user, get_user
from app.db.types import now
from app.errors import Conflict, Forbidden, NotFound

NOBODY = "none"  # the setting that lets in only people who were invited or have linked their account
AT_THIS_MOMENT = "Somebody signed in with this account or name at this moment; sign in again."


def sign_on(session: Session, identity: Identity, *, role: str) -> tuple[User, bool]:
    """Whose identity it is, and whether they are new; a new one gets this role.

    Raises Forbidden where they may not come in.
    """
    known = session.get(OutsideIdentity, (identity.issuer, identity.subject))
    if known is not None:
        user = session.get_one(User, known.user_id)
        if not user.active:
            raise Forbidden(f"{user.name} is deactivated; ask an admin to let you in again.")
        known.last_used_at = now()
        return user, False
    if not has_users(session):
        raise Forbidden("This server has no admin yet; create the first one before anybody signs in.")
    if role == NOBODY:
        raise Forbidden("Nobody has invited you yet; ask an admin for an invitation.")
    try:
        user = add_user(session, name=_free_name(session, identity.name), role=role, password_hash=ELSEWHERE)
    except IntegrityError as error:  # somebody else got the name at this moment
        raise Conflict(AT_THIS_MOMENT) from error
    _add(session, user, identity)
    return user, True


def link(session: Session, *, user: User, identity: Identity) -> None:
    """Let the person sign in with this identity, too. Raises Conflict where one of both has another one."""
    known = session.get(OutsideIdentity, (identity.issuer, identity.subject))
    if known is not None and known.user_id == user.id:
        return
    if known is not None:
        raise Conflict("This account belongs to somebody else here; sign in there as yourself.")
    if user.id in issuers_of(session, user_id=user.id):
        raise Conflict(f"{user.name} is linked to another account already; remove that link first.")
    _add(session, user, identity)


def accept(session: Session, *, secret: str, key: bytes, identity: Identity) -> User:
    """Use an invitation by signing in elsewhere instead of choosing a password.

    Raises NotSignedIn for a link that is no good, Conflict for one that resets a password.
    """
    user = use_up(session, secret=secret, key=key)
    if not user.is_invited:
        raise Conflict("This link is for a new password; choose one.")
    link(session, user=user, identity=identity)
    user.password_hash = ELSEWHERE
    return user


def unlink(session: Session, *, user: User) -> None:
    """Let the person sign in by password only. Raises Conflict where they have none."""
    if not user.has_password:
        raise Conflict(f"{user.name} has no password; choose one first, behind a reset link of an admin.")
    for each in session.scalars(select(OutsideIdentity).where(OutsideIdentity.user_id == user.id)):
        session.delete(each)
    session.flush()


def unlink_person(session: Session, *, name: str) -> str:
    """As `unlink`, for an admin; the answer is the provider. Raises NotFound where there is no link."""
    user = get_user(session, name=name)
    issuer = issuers_of(session, user_id=user.id).get(user.id)
    if issuer is None:
        raise NotFound(f"{name} is linked to no provider of single sign-on.")
    unlink(session, user=user)
    return issuer


def issuers_of(session: Session, *, user_id: int | None = None) -> Mapping[int, str]:
    """The provider of each person who is linked to one, by their id; of one person or of all."""
    query = select(OutsideIdentity.user_id, OutsideIdentity.issuer)
    if user_id is not None:
        query = query.where(OutsideIdentity.user_id == user_id)
    return {row.user_id: row.issuer for row in session.execute(query)}


def _add(session: Session, user: User, identity: Identity) -> None:
    session.add(
        OutsideIdentity(issuer=identity.issuer, subject=identity.subject, user_id=user.id, last_used_at=now())
    )
    try:
        session.flush()
    except IntegrityError as error:  # another request of the same person was first
        raise Conflict(AT_THIS_MOMENT) from error


def _free_name(session: Session, wanted: str) -> str:
    """A name for a new account that nobody has, also not in other case."""
    plain = re.sub(r"[^A-Za-z0-9._@-]+", "-", wanted).strip("._@-")[:LONGEST_NAME] or "person"
    taken = {name.lower() for name in session.scalars(select(User.name))}
    name, number = plain, 1
    while name.lower() in taken:
        number += 1
        ending = f"-{number}"
        name = plain[: LONGEST_NAME - len(ending)] + ending
    return name
