"""The first admin of an installation, whom a browser may create while there is no user at all."""

import hmac
import re
import secrets

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.accounts.roles import ADMIN
from app.accounts.users import add_user
from app.errors import Conflict, Forbidden

ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"  # nothing that looks like another character
GROUPS, GROUP_LENGTH = 4, 4  # 79 bits: nobody guesses it, so guesses need no limit


def new_code() -> str:
    """A code for one start of a server, such as 7kfq-m2xw-9hda-tv4c."""
    groups = ("".join(secrets.choice(ALPHABET) for _ in range(GROUP_LENGTH)) for _ in range(GROUPS))
    return "-".join(groups)


def check_code(given: str, *, code: str) -> None:
    """Raises Forbidden unless it is the code; case, blanks and hyphens do not matter."""
    if not hmac.compare_digest(_plain(given), _plain(code)):
        raise Forbidden(
            "This is not the code of this server; its terminal or log shows the code since its last start."
        )


def _plain(code: str) -> bytes:
    return re.sub(r"[\s-]", "", code).lower().encode()


def has_users(session: Session) -> bool:
    """Whether there is anybody, also somebody who is deactivated."""
    return session.scalar(select(User.id).limit(1)) is not None


def check_nobody(session: Session) -> None:
    """Raises Conflict when there is somebody."""
    if has_users(session):
        raise Conflict("The first admin was created already. Sign in, or ask an admin to add you.")


def add_first_admin(session: Session, *, name: str, password_hash: str) -> User:
    """The first person, an admin. Raises Invalid for a bad name, Conflict when there is somebody already.

    Of two requests at once one waits for the other: for the write lock of SQLite, or for the table.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("LOCK TABLE user_account IN SHARE ROW EXCLUSIVE MODE"))
    check_nobody(session)
    return add_user(session, name=name, role=ADMIN, password_hash=password_hash)
