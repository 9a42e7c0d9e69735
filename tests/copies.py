"""Rows that were made once in a process, copied into the other databases that need the same.

Making them with the product's own functions takes ten times as long as inserting them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, Table, exists, func, insert, or_, select

from app.db.types import Base, now

PEOPLE = {"user_account", "api_token", "login_session"}  # they may be there before or come later
Row = dict[str, Any]


@dataclass(frozen=True)
class Rows:
    """All rows of some tables, those that are referred to first, and when they were read."""

    tables: tuple[tuple[Table, tuple[Row, ...]], ...]
    read_at: datetime


@cache
def _tables() -> tuple[Table, ...]:
    """All but those of people, those that are referred to first."""
    return tuple(table for table in Base.metadata.sorted_tables if table.name not in PEOPLE)


def read_rows(connection: Connection) -> Rows:
    """Everything but people."""
    tables = [
        (table, tuple(dict(row) for row in connection.execute(select(table)).mappings()))
        for table in _tables()
    ]
    return Rows(tuple((table, rows) for table, rows in tables if rows), now())


@cache
def _anything() -> Select[tuple[bool]]:
    return select(or_(*(exists(select(1).select_from(table)) for table in _tables())))


def is_empty(connection: Connection) -> bool:
    """Whether there is nothing but people."""
    return not connection.scalar(_anything())


def insert_rows(connection: Connection, rows: Rows, *, change: Callable[[str, Row], Row]) -> None:
    """Insert them with their ids into an empty database, as if they had just been made.

    `change` gets the name of a table and a row.
    """
    later = now() - rows.read_at
    for table, old in rows.tables:
        moved = [
            {key: value + later if isinstance(value, datetime) else value for key, value in row.items()}
            for row in old
        ]
        connection.execute(insert(table), [change(table.name, row) for row in moved])
    if connection.dialect.name == "postgresql":
        connection.execute(
            select(
                *(
                    func.setval(
                        func.pg_get_serial_sequence(table.name, column.name),
                        max(row[column.name] for row in old),
                    )
                    for table, old in rows.tables
                    if (column := table.autoincrement_column) is not None
                )
            )
        )
