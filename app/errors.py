"""Errors of the domain. Messages are whole sentences for the person who reads them.

The web layer turns the class into a status code (`app.web.errors`), the command line into an exit code.
"""

import errno
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager

_HANDLES, _MEMORY = (errno.EMFILE, errno.ENFILE), (errno.ENOMEM, errno.ENOBUFS)


class ToplossError(Exception):
    """An error that a person can understand and act on; `code` is its stable name for scripts."""

    code = "error"


class NotFound(ToplossError):
    """The thing asked for does not exist."""

    code = "not_found"


class Moved(NotFound):
    """The thing has another name now."""

    def __init__(self, message: str, *, before: str, now: str) -> None:
        super().__init__(message)
        self.before, self.now = before, now


class Conflict(ToplossError):
    """The request is valid, but the current state does not allow it."""

    code = "conflict"


class NotNow(Conflict):
    """A conflict that ends without anybody's action: wait and try again."""


class Invalid(ToplossError):
    """The request itself is wrong; repeating it does not help."""

    code = "invalid"
    field = ""  # of the request that is wrong, where a form can show that


@contextmanager
def about(field: str) -> Iterator[None]:
    """What is refused in the block as Invalid is the fault of this field."""
    try:
        yield
    except Invalid as error:
        error.field = error.field or field
        raise


class AmbiguousLayout(Invalid):
    """The folders of a source can be read in several ways; `choices` lists them for scripts."""

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
    """The same request was refused too often; it has to wait."""

    code = "too_many_attempts"

    def __init__(self, message: str, *, seconds: float) -> None:
        super().__init__(message)
        self.retry_after = max(1, math.ceil(seconds))  # whole seconds to wait before the next attempt


class Unavailable(ToplossError):
    """The database or the disk cannot do it now; try again after `retry_after` seconds."""

    code = "unavailable"

    def __init__(self, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Busy(Unavailable):
    """Another request or process uses what this one needs."""

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message, retry_after=retry_after)


class StorageFull(Unavailable):
    """The disk is full."""

    code = "storage_full"


class Cancelled(ToplossError):
    """A job has stopped because a person cancelled it."""

    code = "cancelled"


def shortage(error: BaseException | None) -> Busy | None:
    """Busy if file handles or memory have run out, also as the cause of an error; None for other errors.

    This is never the fault of the file that was to be read.
    """
    while error is not None:
        number = getattr(error, "errno", None)
        if number in _HANDLES or (isinstance(error, ImportError) and os.strerror(errno.EMFILE) in str(error)):
            return Busy("Too many files are open on the server. Try again in a moment.", retry_after=5)
        if number in _MEMORY or isinstance(error, MemoryError):
            return Busy("The server has no memory left for this. Try again in a moment.", retry_after=5)
        error = error.__cause__
    return None
