"""Statements that every key press needs: put into words once, then run on the driver's own cursor.

SQLAlchemy still writes the SQL, for SQLite and PostgreSQL, and converts what goes in and comes out; what is spared is its
way from a statement to a result, which costs ten times what SQLite takes to answer.
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
class _Words:
    """A statement for one kind of database."""

    sql: str
    names: tuple[str, ...]  # of the values, in their order
    defaults: dict[str, Any]  # written into the statement
    into: tuple[tuple[str, Convert], ...]  # conversions of values on their way in
    row: Callable[[Any], Any]
    by_name: bool  # whether the driver takes values by name


class Prepared:
    """A statement with `bindparam`s (not expanding ones), or what makes it for a dialect's name.

    A row has its columns as attributes; what is true is 1 on SQLite. The statement sees what was flushed, and flushes nothing itself.
    """

    def __init__(self, statement: Executable | Callable[[str], Executable]) -> None:
        self._statement = statement
        self._words: dict[str, _Words] = {}
        self._out: dict[str, tuple[tuple[int, Convert], ...]] = {}  # conversions of columns on their way out

    def rows(self, session: Session, **values: Any) -> list[Any]:
        """Every row of the answer; none where the statement has no answer."""
        cursor, dialect = driver_cursor(session)
        words = self._words.get(dialect.name) or self._put(dialect)
        for name, convert in words.into:
            values[name] = convert(values[name])
        if words.defaults:
            values = words.defaults | values
        given = values if words.by_name else [values[name] for name in words.names]
        try:
            cursor.execute(words.sql, given)
            found = cursor.fetchall() if cursor.description else []
        except dialect.loaded_dbapi.Error as error:
            raise _explained(words.sql, given, error, dialect) from error
        if not found:
            return []
        out = self._out.get(dialect.name)
        if out is None:
            out = self._out[dialect.name] = self._conversions(dialect, cursor.description)
        return (
            [words.row(_converted(each, out)) for each in found]
            if out
            else [words.row(each) for each in found]
        )

    def one(self, session: Session, **values: Any) -> Any:
        """The first row, none where there is none."""
        found = self.rows(session, **values)
        return found[0] if found else None

    def scalar(self, session: Session, **values: Any) -> Any:
        """The first column of the first row, none where there is none."""
        found = self.rows(session, **values)
        return found[0][0] if found else None

    def many(self, session: Session, rows: Sequence[dict[str, Any]]) -> None:
        """Run it with each of these values; there is no answer."""
        if len(rows) == 1:
            self.rows(session, **rows[0])
            return
        cursor, dialect = driver_cursor(session)
        words = self._words.get(dialect.name) or self._put(dialect)
        converted = [
            words.defaults | row | {name: convert(row[name]) for name, convert in words.into} for row in rows
        ]
        given: list[Any] = (
            converted if words.by_name else [[row[name] for name in words.names] for row in converted]
        )
        try:
            cursor.executemany(words.sql, given)
        except dialect.loaded_dbapi.Error as error:
            raise _explained(words.sql, given, error, dialect) from error

    def _put(self, dialect: Dialect) -> _Words:
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
        words = self._words[dialect.name] = _Words(
            sql=str(compiled),
            names=tuple(compiled.positiontup or binds),
            defaults=defaults,
            into=tuple((name, convert) for name, convert in into.items() if convert and name not in defaults),
            row=row._make,
            by_name=not compiled.positional,
        )
        return words

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
    """A statement about samples: `make` gets the condition on the column; prepared for one sample, as it is asked most often."""

    def __init__(self, column: Any, make: Callable[[ColumnElement[bool]], Executable]) -> None:
        self._one = Prepared(make(column == bindparam("sample")))
        self._many = make(column.in_(bindparam("samples", expanding=True)))

    def rows(self, session: Session, sample_ids: Sequence[int]) -> Sequence[Any]:
        """Every row of the answer; none where the statement has no answer."""
        if len(sample_ids) == 1:
            return self._one.rows(session, sample=sample_ids[0])
        found: Any = session.connection().execute(self._many, {"samples": sample_ids})
        return found.all() if found.returns_rows else ()


def run(session: Session, sql: str) -> Any:
    """A word to the database itself, such as PRAGMA or COMMIT; the first value of its answer."""
    cursor, dialect = driver_cursor(session)
    try:
        found = cursor.execute(sql).fetchone()
    except dialect.loaded_dbapi.Error as error:
        raise _explained(sql, (), error, dialect) from error
    return found[0] if found else None


def _into(kind: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    convert = kind.dialect_impl(dialect).bind_processor(dialect)
    # The same few moments go into statement after statement of a transaction.
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
