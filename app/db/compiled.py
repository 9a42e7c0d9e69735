"""Statements that every key press needs: compiled once, then run on the driver's own cursor.

SQLAlchemy still writes the SQL for SQLite and PostgreSQL and converts parameters and columns. We skip its
processing of statements and results, which takes ten times as long as SQLite itself.
"""

from collections import namedtuple
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Executable, bindparam
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.types import Boolean, TypeEngine

from app.db.types import UtcDateTime

_CURSOR = "cursor"  # in a session's info
Convert = Callable[[Any], Any]


@dataclass(frozen=True)
class _Compiled:
    """A statement compiled for one dialect."""

    sql: str
    names: tuple[str, ...]  # of the parameters, in order
    defaults: dict[str, Any]  # parameters with a fixed value
    into: tuple[tuple[str, Convert], ...]  # conversions of parameters
    row: Callable[[Any], Any]
    by_name: bool  # whether the driver takes parameters by name


class Prepared:
    """A statement with `bindparam`s (no expanding ones), or a function that makes it for a dialect's name.

    A row has its columns as attributes; True is 1 on SQLite. The statement sees what was flushed and does not
    flush.
    """

    def __init__(self, statement: Executable | Callable[[str], Executable]) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}
        self._out: dict[str, tuple[tuple[int, Convert], ...]] = {}  # conversions of columns

    def rows(self, session: Session, **values: Any) -> list[Any]:
        """All rows; an empty list if the statement returns none."""
        cursor, dialect = driver_cursor(session)
        compiled = self._compiled.get(dialect.name) or self._compile(dialect)
        for name, convert in compiled.into:
            values[name] = convert(values[name])
        if compiled.defaults:
            values = compiled.defaults | values
        given = values if compiled.by_name else [values[name] for name in compiled.names]
        try:
            cursor.execute(compiled.sql, given)
            found = cursor.fetchall() if cursor.description else []
        except dialect.loaded_dbapi.Error as error:
            raise _explained(compiled.sql, given, error, dialect) from error
        if not found:
            return []
        out = self._out.get(dialect.name)
        if out is None:
            out = self._out[dialect.name] = self._conversions(dialect, cursor.description)
        return (
            [compiled.row(_converted(each, out)) for each in found]
            if out
            else [compiled.row(each) for each in found]
        )

    def one(self, session: Session, **values: Any) -> Any:
        """The first row, or None."""
        found = self.rows(session, **values)
        return found[0] if found else None

    def scalar(self, session: Session, **values: Any) -> Any:
        """The first column of the first row, or None."""
        found = self.rows(session, **values)
        return found[0][0] if found else None

    def many(self, session: Session, rows: Sequence[dict[str, Any]]) -> None:
        """Run it once per row of parameters; returns nothing."""
        if len(rows) == 1:
            self.rows(session, **rows[0])
            return
        cursor, dialect = driver_cursor(session)
        compiled = self._compiled.get(dialect.name) or self._compile(dialect)
        converted = [
            compiled.defaults | row | {name: convert(row[name]) for name, convert in compiled.into}
            for row in rows
        ]
        given: list[Any] = (
            converted if compiled.by_name else [[row[name] for name in compiled.names] for row in converted]
        )
        try:
            cursor.executemany(compiled.sql, given)
        except dialect.loaded_dbapi.Error as error:
            raise _explained(compiled.sql, given, error, dialect) from error

    def _compile(self, dialect: Dialect) -> _Compiled:
        statement: Any = (
            self._statement if isinstance(self._statement, Executable) else self._statement(dialect.name)
        )
        compiled = statement.compile(dialect=dialect)
        binds = {compiled.bind_names[bind]: bind for bind in compiled.bind_names}
        into = {name: _into(bind.type, dialect) for name, bind in binds.items()}
        defaults = {name: bind.value for name, bind in binds.items() if not bind.required}
        defaults = {
            name: convert(value) if (convert := into[name]) else value for name, value in defaults.items()
        }
        names = [column.name or "_" for column in getattr(statement, "exported_columns", ())]
        row = namedtuple("Row", names, rename=True)  # type: ignore[misc]  # noqa: PYI024
        ready = self._compiled[dialect.name] = _Compiled(
            sql=str(compiled),
            names=tuple(compiled.positiontup or binds),
            defaults=defaults,
            into=tuple((name, convert) for name, convert in into.items() if convert and name not in defaults),
            row=row._make,
            by_name=not compiled.positional,
        )
        return ready

    def _conversions(self, dialect: Dialect, description: Any) -> tuple[tuple[int, Convert], ...]:
        statement: Any = (
            self._statement if isinstance(self._statement, Executable) else self._statement(dialect.name)
        )
        types = [column.type.dialect_impl(dialect) for column in statement.exported_columns]
        found = [
            each.result_processor(dialect, told[1]) for each, told in zip(types, description, strict=True)
        ]
        found = [
            None if isinstance(each, Boolean) else convert for each, convert in zip(types, found, strict=True)
        ]
        return tuple((place, convert) for place, convert in enumerate(found) if convert)


class PreparedOf:
    """A statement about samples: `make` gets the condition on the column.

    For one sample, the most frequent case, it is compiled once.
    """

    def __init__(self, column: Any, make: Callable[[ColumnElement[bool]], Executable]) -> None:
        self._one = Prepared(make(column == bindparam("sample")))
        self._many = make(column.in_(bindparam("samples", expanding=True)))

    def rows(self, session: Session, sample_ids: Sequence[int]) -> Sequence[Any]:
        """All rows; an empty list if the statement returns none."""
        if len(sample_ids) == 1:
            return self._one.rows(session, sample=sample_ids[0])
        found: Any = session.connection().execute(self._many, {"samples": sample_ids})
        return found.all() if found.returns_rows else ()


def run(session: Session, sql: str) -> Any:
    """Run a PRAGMA or COMMIT; return the first value of its answer, None if there is none."""
    cursor, dialect = driver_cursor(session)
    try:
        cursor.execute(sql)
        found = cursor.fetchone() if cursor.description else None
    except dialect.loaded_dbapi.Error as error:
        raise _explained(sql, (), error, dialect) from error
    return found[0] if found else None


def _into(kind: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    convert = kind.dialect_impl(dialect).bind_processor(dialect)
    # The statements of a transaction use the same few datetimes many times.
    return lru_cache(maxsize=16)(convert) if convert and isinstance(kind, UtcDateTime) else convert


def driver_cursor(session: Session) -> tuple[Any, Dialect]:
    """The driver's cursor in the session's one transaction."""
    known: tuple[Any, Dialect] | None = session.info.get(_CURSOR)
    if known is None:
        connection = session.connection()
        known = session.info[_CURSOR] = connection.connection.cursor(), connection.dialect
    return known


def _converted(row: Any, out: tuple[tuple[int, Convert], ...]) -> list[Any]:
    values = list(row)
    for place, convert in out:
        values[place] = convert(values[place])
    return values


def _explained(sql: str, values: Any, error: Exception, dialect: Dialect) -> BaseException:
    """The driver's error as SQLAlchemy would raise it."""
    return DBAPIError.instance(sql, values, error, dialect.loaded_dbapi.Error, dialect=dialect)
