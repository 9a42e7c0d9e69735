"""People and their passwords."""

import re
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.accounts.models import LoginSession, User
from app.errors import Conflict, Invalid, NotFound, NotSignedIn

ROLES = ("annotator", "admin")
MIN_PASSWORD = 8  # NIST SP 800-63B: length counts, composition rules do not
MAX_PASSWORD = 256  # argon2 would hash a megabyte too; nobody types one
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")

_hasher = PasswordHasher()  # argon2id with the RFC 9106 low-memory profile


@lru_cache(maxsize=1)
def _decoy_hash() -> str:
    return _hasher.hash("nobody's password")


def add_user(session: Session, *, name: str, role: str, password: str) -> User:
    """A new person. Raises Invalid for a bad name, role or password, Conflict when the name is taken."""
    if not _NAME.fullmatch(name):
        raise Invalid(
            "A user name has 1 to 64 letters, digits and . _ @ - and begins with a letter or digit."
        )
    check_role(role)
    if session.scalar(select(User).where(User.name == name)):
        raise Conflict(f"There is already a user named {name}; choose another name.")
    user = User(name=name, role=role, password_hash=_hash(password))
    session.add(user)
    session.flush()
    return user


def check_role(role: str) -> None:
    """Raises Invalid, naming the roles there are."""
    if role not in ROLES:
        raise Invalid(f"“{role}” is no role; choose annotator or admin.")


def set_password(session: Session, *, user: User, password: str) -> None:
    """Change the password and end every log-in of the person."""
    user.password_hash = _hash(password)
    session.execute(delete(LoginSession).where(LoginSession.user_id == user.id))


def change_user(session: Session, *, name: str, role: str | None = None, active: bool | None = None) -> User:
    """Change role or access. The last active admin stays one: else nobody could ever let anyone in again."""
    admins = count_admins(session)
    user = get_user(session, name=name)
    session.refresh(user)
    stays_admin = (role or user.role) == "admin" and (user.active if active is None else active)
    if user.role == "admin" and user.active and not stays_admin and admins == 1:
        raise Conflict(f"{name} is the only active admin; make somebody else an admin first.")
    if role is not None:
        check_role(role)
    user.role = role or user.role
    user.active = user.active if active is None else active
    if not user.active:
        session.execute(delete(LoginSession).where(LoginSession.user_id == user.id))
    return user


def check_password(session: Session, *, name: str, password: str) -> User:
    """The person with this name and password. Raises NotSignedIn without telling which of the two was wrong."""
    user = session.scalar(select(User).where(User.name == name))
    # An unknown name costs the same time as a known one, so that timing does not tell names.
    reference = user.password_hash if user else _decoy_hash()
    try:
        _hasher.verify(reference, password[: MAX_PASSWORD + 1])
    except (VerifyMismatchError, InvalidHashError):
        user = None
    if user is None or not user.active:
        raise NotSignedIn(
            "This name and password do not match; try again, or ask an admin for a new password."
        )
    return user


def get_user(session: Session, *, name: str) -> User:
    """The person with this name. Raises NotFound."""
    user = session.scalar(select(User).where(User.name == name))
    if user is None:
        raise NotFound(f"There is no user named {name}; `toploss user list` shows who there is.")
    return user


def list_users(session: Session) -> list[User]:
    """Everybody, by name."""
    return list(session.scalars(select(User).order_by(User.name)))


def count_admins(session: Session) -> int:
    """How many admins can sign in; their rows are locked, so that two of them cannot demote each other at once."""
    return len(
        session.scalars(
            select(User.id).where(User.role == "admin", User.active).order_by(User.id).with_for_update()
        ).all()
    )


def _hash(password: str) -> str:
    if len(password) < MIN_PASSWORD:
        raise Invalid(f"A password has at least {MIN_PASSWORD} characters; choose a longer one.")
    if len(password) > MAX_PASSWORD:
        raise Invalid(f"A password has at most {MAX_PASSWORD} characters; choose a shorter one.")
    return _hasher.hash(password)
