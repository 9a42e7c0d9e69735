"""The activity log: who did what, when and from where. Rows are only added; old ones are swept.

A request or a command says once what it is about to do (`doing`). The row is written with the first
transaction that is committed in the block, so an act and its row are there together or not at all.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, event, select
from sqlalchemy.orm import Session

from app.accounts.models import Activity
from app.db.engine import Database
from app.db.types import now

log = logging.getLogger(__name__)

PAGE = 100
MOST_WORDS = 300  # characters of what an act was about
BACKUP_MADE = "server: backup made"
UNKNOWN_NAME = "unknown name"  # not what was typed: people type passwords into the wrong field


@dataclass
class Act:
    """What is being done; it is written down once, or not at all."""

    kind: str
    person: str
    via: str  # browser, token or shell
    address: str | None = None
    dataset: Callable[[Session], str | None] = lambda _session: None
    about: str = ""
    is_open: bool = True

    def row(self, session: Session) -> Activity:
        """The row to add."""
        return Activity(
            kind=self.kind,
            person=self.person,
            via=self.via,
            address=self.address,
            dataset=self.dataset(session),
            about=self.about[:MOST_WORDS],
        )


def write_down(session: Session, *, act: Act) -> None:
    """Add the row of an act that has no transaction of its own."""
    session.add(act.row(session))
    session.flush()


_act: ContextVar[Act | None] = ContextVar("act", default=None)


@contextmanager
def doing(act: Act) -> Iterator[Act]:
    """Write the act down with the first transaction that is committed in the block."""
    before = _act.get()
    _act.set(act)
    try:
        yield act
    finally:
        act.is_open = False
        _act.set(before)


def tell(about: str) -> None:
    """Add words to what is being done."""
    act = _act.get()
    if act is not None:
        act.about = ", ".join(filter(None, (act.about, about)))


def tell_dataset(name: str) -> None:
    """Name the data set of what is being done, where the address does not."""
    act = _act.get()
    if act is not None:
        act.dataset = lambda _session: name


def nothing_done() -> None:
    """Write nothing down: the transaction changes nothing."""
    act = _act.get()
    if act is not None:
        act.is_open = False


@event.listens_for(Session, "before_commit")
def _before_commit(session: Session) -> None:
    act = _act.get()
    if act is not None and act.is_open and not session.in_nested_transaction():
        session.add(act.row(session))


@event.listens_for(Session, "after_commit")
def _after_commit(session: Session) -> None:
    act = _act.get()
    if act is not None and not session.in_nested_transaction():
        act.is_open = False


@dataclass(frozen=True)
class Wanted:
    """Which rows; an empty field does not restrict them."""

    person: str = ""
    dataset: str = ""
    kind: str = ""
    since: datetime | None = None
    until: datetime | None = None


def list_activity(
    session: Session, wanted: Wanted, *, before: int | None = None, limit: int = PAGE
) -> list[Activity]:
    """The newest rows first, those below the id `before`."""
    query = select(Activity).where(*_conditions(wanted)).order_by(Activity.id.desc()).limit(limit)
    return list(session.scalars(query if before is None else query.where(Activity.id < before)))


def each_activity(database: Database, wanted: Wanted, *, after: int = 0) -> Iterator[Activity]:
    """Every row above the id `after`, the oldest first; read in parts, so that no transaction stays open."""
    while True:
        with database.read() as session:
            part = list(
                session.scalars(
                    select(Activity)
                    .where(*_conditions(wanted), Activity.id > after)
                    .order_by(Activity.id)
                    .limit(1000)
                )
            )
        yield from part
        if not part:
            return
        after = part[-1].id


def newest_of(session: Session, *, kind: str) -> Activity | None:
    """The newest row of this kind."""
    rows = list_activity(session, Wanted(kind=kind), limit=1)
    return rows[0] if rows else None


def kinds_there(session: Session) -> list[str]:
    """The kinds of which there is a row, by name."""
    return list(session.scalars(select(Activity.kind).distinct().order_by(Activity.kind)))


def as_json(row: Activity) -> dict[str, object]:
    """A row as REST and the shell print it."""
    return {
        "id": row.id,
        "at": row.at.isoformat(),
        "person": row.person,
        "kind": row.kind,
        "dataset": row.dataset,
        "about": row.about,
        "via": row.via,
        "address": row.address,
    }


def sweep_activity(database: Database, *, days: float) -> int:
    """Remove rows that are older; the answer is how many."""
    with database.write() as session:
        old = delete(Activity).where(Activity.at < now() - timedelta(days=days)).returning(Activity.id)
        return len(session.scalars(old).all())


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    exact = (
        (Activity.person, wanted.person),
        (Activity.dataset, wanted.dataset),
        (Activity.kind, wanted.kind),
    )
    conditions: list[ColumnElement[bool]] = [column == value for column, value in exact if value]
    if wanted.since is not None:
        conditions.append(Activity.at >= wanted.since)
    if wanted.until is not None:
        conditions.append(Activity.at < wanted.until)
    return conditions
