"""The key that sessions and API tokens are hashed with; a new one ends all of them."""

import logging

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from app.accounts.models import AccountLink, ApiToken, LoginSession
from app.settings import Settings

log = logging.getLogger(__name__)


def open_key(session: Session, *, settings: Settings) -> bytes:
    """The secret key, created if there is none; the log says so if that ends sessions or tokens.

    Raises Conflict for a file that is no key.
    """
    if settings.has_no_key and session.scalar(
        select(or_(exists(LoginSession.token_hash), exists(ApiToken.id), exists(AccountLink.user_id)))
    ):
        log.warning(
            "there is no secret key in %s, so a new one is created: everybody has to sign in again, API "
            "tokens and invitations end. If you have the key of before, put it back, or set "
            "TOPLOSS_SECRET_KEY to it.",
            settings.data_dir,
        )
    return settings.secret()
