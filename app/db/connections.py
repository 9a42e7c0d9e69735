"""Engines for SQLite and PostgreSQL, and how long a connection waits for a lock."""

import sqlite3
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event, make_url
from sqlalchemy.engine import Engine
from sqlalchemy.pool import NullPool

from app import deadline

USUAL_WAIT = 30.0  # seconds, for a worker or a command: another process may hold the write lock for one batch
READ_WAIT = 1.0  # seconds that a read may wait at least; usually it does not wait
CONNECTIONS = 40
PROBE_WAIT = 2.0  # seconds that a health check waits
BUSY_PAUSE = 0.01  # seconds between two attempts at what SQLite refuses without waiting


def probing_engine(url: str) -> Engine:
    """An engine that keeps no connection and gives up soon."""
    milliseconds = round(1000 * PROBE_WAIT)
    if make_url(url).get_backend_name() == "sqlite":
        given: dict[str, Any] = {"timeout": PROBE_WAIT, "isolation_level": None}
    else:
        limits = f"-c lock_timeout={milliseconds} -c statement_timeout={milliseconds}"
        given = {"options": limits, "connect_timeout": 3}
    return create_engine(url, poolclass=NullPool, connect_args=given, hide_parameters=True)


def postgres_engine(url: str, **options: Any) -> Engine:
    """An engine for PostgreSQL; a server that is gone without a word is noticed within seconds."""
    return create_engine(
        url,
        **options,
        connect_args={"connect_timeout": 5, "tcp_user_timeout": 15_000, "keepalives_idle": 15},
        pool_pre_ping=True,
        pool_size=10,
        max_overflow=CONNECTIONS - 10,
        pool_timeout=USUAL_WAIT,
        hide_parameters=True,  # of failed statements, which are logged: some are secrets
    )


def write_ahead(connection: sqlite3.Connection, wait: float) -> None:
    """Give the file its write-ahead log, which it keeps.

    A new file and a restored copy do not have it yet. SQLite refuses the change at once, whatever the
    busy timeout, while another connection makes it (wal.html, "Sometimes Queries Return SQLITE_BUSY").

    Raises:
        sqlite3.OperationalError: the file stayed locked for `wait` seconds, or it is no database.
    """
    given_up = time.monotonic() + wait
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > given_up:
                raise
            time.sleep(BUSY_PAUSE)
        else:
            return


def sqlite_engine(url: str, *, begin: str = "", read_only: bool = False, wait: float = USUAL_WAIT) -> Engine:
    """An engine whose transactions begin with `begin`.

    Without `begin` the caller begins transactions, or reads without one.
    """
    path = make_url(url).database
    if path and path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url,
        connect_args={"check_same_thread": False, "timeout": wait},
        hide_parameters=True,
        pool_size=10,
        max_overflow=CONNECTIONS - 10,
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the begin event below chooses the kind of BEGIN
        cursor = connection.cursor()
        opening = min(wait, deadline.current(wait).left)
        cursor.execute(f"PRAGMA busy_timeout = {round(1000 * opening)}")
        write_ahead(connection, opening)
        cursor.execute("PRAGMA synchronous = FULL")  # an acknowledged decision survives a power cut
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute(f"PRAGMA query_only = {'ON' if read_only else 'OFF'}")
        cursor.execute(f"PRAGMA busy_timeout = {round(1000 * wait)}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begins(connection: Connection) -> None:
        if not begin:
            return
        left = deadline.current(USUAL_WAIT).left
        milliseconds = round(1000 * (max(left, READ_WAIT) if read_only else left))
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {milliseconds}")
        connection.exec_driver_sql(begin)

    return engine
