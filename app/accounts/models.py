"""Tables of who may do what."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.db.types import Base, now

ELSEWHERE = "!"  # instead of the hash of a password: they sign in at a provider of single sign-on only


class User(Base):
    """A person. What the roles allow is in `app/accounts/roles.py`."""

    __tablename__ = "user_account"  # "user" is a reserved word in PostgreSQL

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    password_hash: Mapped[str]  # argon2id, or `ELSEWHERE`; empty: invited, no password chosen yet
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    hints_seen_at: Mapped[datetime | None]  # of the deck; None: they are shown

    @property
    def is_invited(self) -> bool:
        """Whether they have not chosen a password yet, and so cannot sign in."""
        return not self.password_hash

    @property
    def has_password(self) -> bool:
        """Whether they can sign in by a password."""
        return self.password_hash not in ("", ELSEWHERE)


class OutsideIdentity(Base):
    """Who a person is at a provider of single sign-on."""

    __tablename__ = "outside_identity"

    issuer: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    last_used_at: Mapped[datetime]


class LoginSession(Base):
    """A signed-in browser; the cookie's token is stored as a keyed hash only."""

    __tablename__ = "login_session"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), index=True)
    browser: Mapped[str] = mapped_column(default="", server_default="")  # and system, in words
    created_at: Mapped[datetime] = mapped_column(default=now)
    last_used_at: Mapped[datetime | None]  # to five minutes
    expires_at: Mapped[datetime]


class ApiToken(Base):
    """A script's key, stored as a keyed hash only."""

    __tablename__ = "api_token"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    token_hash: Mapped[str] = mapped_column(unique=True)
    scope: Mapped[str]  # read, annotate or admin: never more than its owner's role
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]  # to five minutes


class AccountLink(Base):
    """The open link with which a person chooses a password; one at a time, stored as a keyed hash only."""

    __tablename__ = "account_link"

    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), primary_key=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]


class KeptAnswer(Base):
    """What a request with an Idempotency-Key was answered, for a day."""

    __tablename__ = "kept_answer"

    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    asked: Mapped[str]  # method and address
    body: Mapped[str | None]  # digest of the request's body; None: it is being answered
    status: Mapped[int | None]
    headers: Mapped[dict[str, Any]]
    content: Mapped[bytes | None]
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)


class Activity(Base):
    """Something that somebody did. Names, not references: a row stays when what it names is deleted."""

    __tablename__ = "activity"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now, index=True)
    person: Mapped[str] = mapped_column(index=True)
    kind: Mapped[str] = mapped_column(index=True)
    dataset: Mapped[str | None] = mapped_column(index=True)
    about: Mapped[str]
    via: Mapped[str]  # browser, token or shell
    address: Mapped[str | None]
