"""Hashes of passwords: few at once, because each takes 64 MB of memory and several threads of the machine."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from app.errors import Invalid, TooManyAttempts

MIN_PASSWORD = 8  # NIST SP 800-63B: length counts, composition rules do not
MAX_PASSWORD = 256  # argon2 would hash a megabyte too; nobody types one
AT_ONCE = 2  # hashes
WAITING = 6  # that wait for their turn; each holds a thread of the web process meanwhile
BUSY_SECONDS = 2  # until there is room again: eight hashes take one on an idle machine

_hasher = PasswordHasher()  # argon2id with the RFC 9106 low-memory profile
_places = threading.BoundedSemaphore(AT_ONCE + WAITING)
_turns = threading.BoundedSemaphore(AT_ONCE)


def hash_password(password: str) -> str:
    """What is stored of a password. Raises Invalid for a bad one, TooManyAttempts when too many wait."""
    if len(password) < MIN_PASSWORD:
        raise Invalid(f"A password has at least {MIN_PASSWORD} characters; choose a longer one.")
    if len(password) > MAX_PASSWORD:
        raise Invalid(f"A password has at most {MAX_PASSWORD} characters; choose a shorter one.")
    with _turn():
        return _hasher.hash(password)


def is_password(password: str, *, stored: str | None) -> bool:
    """Whether the stored hash is this password's. Raises TooManyAttempts when too many wait.

    Nothing stored (`None` or empty) costs the same time as something, so that timing does not tell names.
    """
    with _turn():
        try:
            _hasher.verify(stored or _decoy_hash(), password[: MAX_PASSWORD + 1])
        except (VerifyMismatchError, InvalidHashError):
            return False
    return bool(stored)


@lru_cache(maxsize=1)
def _decoy_hash() -> str:
    return _hasher.hash("nobody's password")


@contextmanager
def _turn() -> Iterator[None]:
    if not _places.acquire(blocking=False):
        raise TooManyAttempts(
            "Many people sign in at this moment; wait two seconds and try again.", seconds=BUSY_SECONDS
        )
    try:
        with _turns:
            yield
    finally:
        _places.release()
