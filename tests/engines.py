"""What SQLAlchemy learns about a kind of database, kept for all tests of a process.

Each test has engines of its own. Each of them would compile every statement again, which takes longer than
running it.
"""

from typing import Any

import pytest
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Dialect, Engine
from sqlalchemy.util import LRUCache

STATEMENTS = 5_000  # compiled ones of a kind of database

_known: dict[str, tuple[Dialect, LRUCache[Any, Any]]] = {}  # by the name in the URL


def share_compiled_statements(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every engine of the product use the statements that an engine of its kind has compiled before."""
    monkeypatch.setattr("app.db.connections.create_engine", _create_engine)


def _create_engine(url: Any, **options: Any) -> Engine:
    engine = create_engine(url, **options)
    kind = engine.url.drivername
    if kind in _known:
        engine.dialect.initialize = lambda _connection: None  # the known one has asked the server
        engine.dialect = engine.pool._dialect = _known[kind][0]
        engine._compiled_cache = _known[kind][1]
    else:

        @event.listens_for(engine, "connect", once=True)
        def connected(*_: Any) -> None:
            """After SQLAlchemy's own listener has asked the server what it can do."""
            _known.setdefault(kind, (engine.dialect, LRUCache(STATEMENTS)))

    return engine
