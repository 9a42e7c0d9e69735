"""The clock that DBOS asks of SQLite.

On Python 3.12 and newer it writes `unixepoch('subsec')`, which SQLite before 3.42 answers with NULL, so that
no worker could start there.
"""

import sqlite3
import time
from typing import Any

from sqlalchemy import Engine, event

KNOWS_FRACTIONS = (3, 42)  # the first SQLite that does


def provide_clock() -> None:
    """Give every connection to an old SQLite that is opened from now on this function."""
    if sqlite3.sqlite_version_info < KNOWS_FRACTIONS and not event.contains(Engine, "connect", _add):
        event.listen(Engine, "connect", _add)


def _add(connection: Any, _record: Any) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.create_function("unixepoch", -1, lambda *_: time.time())
