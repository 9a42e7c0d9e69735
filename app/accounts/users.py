"""People and their passwords."""

import re

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.accounts.passwords import is_password
from app.accounts.roles import ADMIN, check_role
from app.accounts.tokens import Ended, end_access, lower_tokens
from app.errors import Conflict, Invalid, NotFound, NotSignedIn

LONGEST_NAME = 64
_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._@-]{{0,{LONGEST_NAME - 1}}}")


def add_user(session: Session, *, name: str, role: str, password_hash: str) -> User:
    """A new person. Raises Invalid for a bad name or role, Conflict when the name is taken."""
    if not _NAME.fullmatch(name):
        raise Invalid(
            "A user name has 1 to 64 letters, digits and . _ @ - and begins with a letter or digit."
        )
    check_role(role)
    if find_user(session, name=name):
        raise Conflict(f"There is already a user named {name}; choose another name.")
    user = User(name=name, role=role, password_hash=password_hash)
    session.add(user)
    session.flush()
    return user


def set_password(session: Session, *, user: User, password_hash: str) -> Ended:
    """Change the password; every log-in of the person ends and every API token is revoked."""
    user.password_hash = password_hash
    return end_access(session, user_id=user.id)


def change_user(session: Session, *, name: str, role: str | None = None, active: bool | None = None) -> User:
    """Change role or access; log-ins and API tokens end with the access, and do not come back with it.

    The last active admin stays one: else nobody could ever let anyone in again.
    """
    admins = count_admins(session)
    user = get_user(session, name=name)
    session.refresh(user)
    stays_admin = (role or user.role) == ADMIN and (user.active if active is None else active)
    if user.role == ADMIN and user.active and not user.is_invited and not stays_admin and admins == 1:
        raise Conflict(f"{name} is the only active admin; make somebody else an admin first.")
    if role is not None:
        check_role(role)
    user.role = role or user.role
    user.active = user.active if active is None else active
    if not user.active:
        end_access(session, user_id=user.id)
    lower_tokens(session, user_id=user.id, role=user.role)
    return user


def find_user(session: Session, *, name: str) -> User | None:
    """The person with this name, none where there is none."""
    return session.scalar(select(User).where(User.name == name))


def check_password(user: User | None, *, password: str) -> User:
    """The person, whose password this is; outside of any transaction, for it takes a while.

    Raises NotSignedIn without telling whether name or password was wrong, TooManyAttempts when too many wait.
    """
    stored = user.password_hash if user and user.has_password else None
    is_right = is_password(password, stored=stored)
    if user is None or not is_right or not user.active:
        raise NotSignedIn(
            "This name and password do not match; try again, or ask an admin for a new password."
        )
    return user


def get_user(session: Session, *, name: str) -> User:
    """The person with this name. Raises NotFound."""
    user = find_user(session, name=name)
    if user is None:
        raise NotFound(f"There is no user named {name}; `toploss user list` shows who there is.")
    return user


def list_users(session: Session) -> list[User]:
    """Everybody, by name."""
    return list(session.scalars(select(User).order_by(User.name)))


def count_admins(session: Session) -> int:
    """The number of admins who can sign in.

    Locks their rows, so that two admins cannot demote each other at once.
    """
    return len(
        session.scalars(
            select(User.id)
            .where(User.role == ADMIN, User.active, User.password_hash != "")
            .order_by(User.id)
            .with_for_update()
        ).all()
    )
