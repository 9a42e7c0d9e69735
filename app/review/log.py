"""The log of decisions: rows are only added, never changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, bindparam, exists, select
from sqlalchemy.orm import Session, aliased

from app.datasets.gold import is_gold
from app.datasets.models import Sample
from app.db.compiled import PreparedOf
from app.review.fold import UNDO, LogEntry
from app.review.models import Decision

_LOG = PreparedOf(  # rows as `Logged`
    Decision.sample_id,
    lambda these: (
        select(
            Decision.id,
            Decision.sample_id,
            Decision.verdict,
            Decision.label,
            Decision.undoes_id,
            Decision.user_id,
            Decision.created_at,
            Decision.bulk_id,
            Decision.origin,
            Decision.blind,
            Decision.milliseconds,
            Decision.moved_from,
            Sample.dataset_id,
            Sample.given_label,
            Sample.sha256,
            is_gold(Sample.id).label("gold"),
        )
        .join(Sample, Sample.id == Decision.sample_id)
        .where(these)
    ),
)


class Logged(NamedTuple):
    """A decision with the columns of its sample that the fold needs."""

    id: int
    sample_id: int
    verdict: str
    label: int | None
    undoes_id: int | None
    user_id: int
    created_at: datetime
    bulk_id: int | None
    origin: str
    blind: bool
    milliseconds: int | None
    dataset_id: int
    given_label: int
    sha256: str
    gold: bool
    moved_from: int | None = None


@dataclass(frozen=True)
class RecentDecision:
    """A decision as the strip of recent decisions shows it."""

    decision_id: int
    sample_id: int
    path: str
    verdict: str
    label: str | None
    given_label: str
    blind: bool
    gold: bool  # of the gold part


def not_undone(*, at: datetime | None = None, after_decision: int | None = None) -> ColumnElement[bool]:
    """Whether a row of `Decision` is a decision (no undo) that was not undone.

    An undo that was made after the moment `at`, or has a greater id than `after_decision`, does not count.
    """
    undoing = aliased(Decision)
    undone = exists().where(undoing.undoes_id == Decision.id)
    if at is not None:
        undone = undone.where(undoing.created_at <= at)
    if after_decision is not None:
        undone = undone.where(undoing.id <= after_decision)
    return and_(Decision.verdict != UNDO, ~undone)


def is_answer(*, at: datetime | None = None, after_decision: int | None = None) -> ColumnElement[bool]:
    """As `not_undone`, without merges of classes: nobody has looked at their images."""
    return and_(not_undone(at=at, after_decision=after_decision), Decision.moved_from.is_(None))


def one_by_one() -> ColumnElement[bool]:
    """Whether a row is a single decision of `user` in `dataset`; bulk decisions are undone on the grid."""
    return and_(
        Decision.dataset_id == bindparam("dataset"),
        Decision.user_id == bindparam("user"),
        Decision.bulk_id.is_(None),
    )


def log_of(session: Session, sample_ids: Sequence[int]) -> Sequence[Any]:
    """All decisions on these samples, as rows like `Logged`."""
    return _LOG.rows(session, sample_ids)


def entry_of(row: Any) -> LogEntry:
    """A decision, or a row of its columns, as the input of the fold."""
    return LogEntry(
        row.id,
        row.verdict,
        row.label,
        row.undoes_id,
        row.sample_id,
        in_bulk=row.bulk_id is not None,
        user=row.user_id,
        adjudicates=row.origin == "adjudication",
        blind=row.blind,
        moved_from=row.moved_from,
    )
