"""What the progress line counts.

Counting looks at every reviewed sample and every open issue. Decisions that share a transaction (`Database.together`) count
once and go on from there, decision by decision; everybody else counts.
"""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from app.datasets.gold import is_gold
from app.db.compiled import Prepared
from app.db.memory import forget, is_remembering, remember, remembered
from app.review.fold import CHANGES
from app.review.models import Decision, OpenIssue, SampleReview

WINDOW = 50  # decisions that the hit rate and the pace look back on

_STATE = SampleReview.dataset_id == bindparam("dataset")
_HOW = (SampleReview.verdict, SampleReview.user_id, SampleReview.in_bulk)
_BY_VERDICT = Prepared(select(*_HOW, func.count()).where(_STATE).group_by(*_HOW))
_LAST = Prepared(
    select(Decision.id, Decision.verdict, Decision.milliseconds)
    .select_from(SampleReview)
    .join(Decision, Decision.id == SampleReview.decision_id)
    # what is drawn at random says nothing of the worklist
    .where(_STATE, ~SampleReview.in_bulk, Decision.origin != "audit", ~is_gold(SampleReview.sample_id))
    .order_by(SampleReview.decision_id.desc())
    .limit(WINDOW)
)
_OPEN_ISSUES = Prepared(
    select(func.count()).select_from(OpenIssue).where(OpenIssue.run_id == bindparam("run"))
)


@dataclass
class Counts:
    """Samples with a standing decision."""

    reviewed: int = 0
    found: int = 0  # relabelled or deleted
    unsure: int = 0
    in_bulk: int = 0  # by one verdict for many at once only
    by_user: Counter[int] = field(default_factory=Counter)  # whose decision counts

    def add(self, verdict: str, user_id: int, in_bulk: bool, n: int) -> None:
        """So many more of these, or fewer."""
        self.reviewed += n
        self.found += n * (verdict in CHANGES)
        self.unsure += n * (verdict == "unsure")
        self.in_bulk += n * in_bulk
        self.by_user[user_id] += n


def counts(session: Session, *, dataset_id: int) -> Counts:
    """What stands of everybody's decisions."""

    def ask() -> Counts:
        found = Counts()
        for verdict, user_id, in_bulk, n in _BY_VERDICT.rows(session, dataset=dataset_id):
            found.add(verdict, user_id, in_bulk, n)
        return found

    return remember(session, (counts, dataset_id), ask)


def any_waits(session: Session, *, dataset_id: int) -> bool:
    """Whether some sample may wait for another opinion, as far as is known without a look: while it does, `unsure` stands."""
    return not is_remembering(session) or counts(session, dataset_id=dataset_id).unsure > 0


def last_looks(session: Session, *, dataset_id: int) -> deque[Any]:
    """Id, verdict and milliseconds of the last decisions that count, the newest first.

    None for many at once, of an audit or of the gold part.
    """
    return remember(
        session,
        (last_looks, dataset_id),
        lambda: deque(_LAST.rows(session, dataset=dataset_id), maxlen=WINDOW),
    )


def open_issues(session: Session, *, run_id: int) -> int:
    """Label issues of a run that nobody has decided on."""
    return remember(
        session, (open_issues, run_id), lambda: int(_OPEN_ISSUES.scalar(session, run=run_id) or 0)
    )


def closed(session: Session, runs: Sequence[Any]) -> None:
    """Issues of these runs (one each) are open no more."""
    known = remembered(session)
    for (run_id,) in runs:
        if (open_issues, run_id) in known:
            known[open_issues, run_id] -= 1


def opened(session: Session) -> None:
    """Some issues are open again: count anew when somebody asks."""
    forget(session)


def refolded(session: Session, *, before: Sequence[Any], after: Sequence[tuple[Any, Any]]) -> None:
    """Samples were in the states `before` and are in those `after` now, each with the row of the decision that counts."""
    known = remembered(session)
    if not known:
        return
    for row in before:
        if have := known.get((counts, row.dataset_id)):
            have.add(row.verdict, row.user_id, row.in_bulk, -1)
        known.pop((last_looks, row.dataset_id), None)
    for state, decision in after:
        if have := known.get((counts, decision.dataset_id)):
            have.add(state.verdict, decision.user_id, state.in_bulk, 1)
        if decision.gold or decision.origin == "audit":
            continue
        looks: deque[Any] = known.get((last_looks, decision.dataset_id), deque())
        if looks and looks[0][0] > decision.id:  # not the newest: an undo brought it back
            known.pop((last_looks, decision.dataset_id))
        elif not state.in_bulk:
            looks.appendleft((decision.id, decision.verdict, decision.milliseconds))
