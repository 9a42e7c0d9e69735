"""Errors that speak the domain. Messages are whole sentences for the person who reads them.

The web layer turns the class into a status code (`app.web.errors`), the command line into an exit code.
"""

import math


class ToplossError(Exception):
    """Something a person can understand and act on; `code` is its stable, machine-readable name."""

    code = "error"


class NotFound(ToplossError):
    """The thing asked for does not exist."""

    code = "not_found"


class Conflict(ToplossError):
    """The request is sound, but the state of things does not allow it."""

    code = "conflict"


class NotNow(Conflict):
    """A conflict that ends by itself: waiting mends it."""


class Invalid(ToplossError):
    """The request itself makes no sense; repeating it will not help."""

    code = "invalid"


class AmbiguousLayout(Invalid):
    """The folders of a source can be read in several ways; `choices` are those, as scripts see them."""

    code = "ambiguous_layout"

    def __init__(self, message: str, *, choices: list[dict[str, object]]) -> None:
        super().__init__(message)
        self.choices = choices


class NotSignedIn(ToplossError):
    """Nobody is signed in, or the token is unknown."""

    code = "not_signed_in"


class Forbidden(ToplossError):
    """Somebody is signed in, but may not do this."""

    code = "forbidden"


class TooManyAttempts(ToplossError):
    """Slow down: the same thing was tried and refused too often."""

    code = "too_many_attempts"

    def __init__(self, message: str, *, seconds: float) -> None:
        super().__init__(message)
        self.retry_after = max(1, math.ceil(seconds))  # whole seconds until it may be tried again


class Unavailable(ToplossError):
    """The database or the disk cannot do it now; `retry_after` says in how many seconds it is worth another try."""

    code = "unavailable"

    def __init__(self, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Busy(Unavailable):
    """Somebody else has what is waited for."""

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message, retry_after=retry_after)


class StorageFull(Unavailable):
    """There is no room to store it."""

    code = "storage_full"


class Cancelled(ToplossError):
    """A person asked a job to stop, and it did."""

    code = "cancelled"
