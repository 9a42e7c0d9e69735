"""The strip of an annotator's recent decisions."""

from collections import deque

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from app.datasets.catalog import class_names
from app.datasets.gold import is_gold
from app.datasets.models import Sample
from app.db.compiled import Prepared
from app.review import desk
from app.review.fold import UNDO
from app.review.log import RecentDecision, not_undone, one_by_one
from app.review.models import Decision

LAST = 10  # decisions that are shown

_SHOWN = select(
    Decision.id,
    Sample.id,
    Sample.path,
    Decision.verdict,
    Decision.label,
    Sample.given_now,
    Decision.blind,
    is_gold(Sample.id).label("gold"),
).join(Sample, Sample.id == Decision.sample_id)
_RECENT = Prepared(
    _SHOWN.where(not_undone(), one_by_one()).order_by(Decision.id.desc()).limit(LAST),
)
_UNDONE = Prepared(
    _SHOWN.where(one_by_one(), Decision.id == bindparam("decision"), Decision.verdict != UNDO, ~not_undone())
)


def recent(session: Session, *, dataset_id: int, user_id: int) -> tuple[RecentDecision, ...]:
    """The annotator's last ten decisions that were not undone, newest first."""
    known, key = desk.desk_of(session).recent, (dataset_id, user_id)
    if key not in known:
        names = class_names(session, dataset_id=dataset_id)
        rows = _RECENT.rows(session, dataset=dataset_id, user=user_id)
        known[key] = deque((as_recent(names, *row) for row in rows), maxlen=LAST)
    return tuple(known[key])


def find_undone(
    session: Session, *, dataset_id: int, user_id: int, decision_id: int
) -> RecentDecision | None:
    """The annotator's own single decision with this id, if it was undone."""
    row = _UNDONE.one(session, dataset=dataset_id, user=user_id, decision=decision_id)
    return as_recent(class_names(session, dataset_id=dataset_id), *row) if row else None


def as_recent(
    names: list[str],
    decision_id: int,
    sample_id: int,
    path: str,
    verdict: str,
    label: int | None,
    given: int,
    blind: bool,
    gold: bool,
) -> RecentDecision:
    """The columns of a decision as the strip shows them; `label` and `given` are class positions."""
    return RecentDecision(
        decision_id,
        sample_id,
        path,
        verdict,
        None if label is None else names[label],
        names[given],
        bool(blind),
        bool(gold),
    )
