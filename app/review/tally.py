"""What the progress line counts.

Counting looks at every reviewed sample and every open issue. Decisions that share a transaction (`Database.together`) count
once and go on from there, decision by decision; everybody else counts.
"""

from collections import Counter, deque
from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from app.db import forget, is_remembering, remember, remembered
from app.prepared import Prepared
from app.review.models import Decision, OpenIssue, SampleReview

WINDOW = 50  # decisions that the hit rate and the pace look back on

How = tuple[str, int, bool]  # a verdict that stands, whose, and whether it is one of many given at once
_STATE = SampleReview.dataset_id == bindparam("dataset")
_HOW = (SampleReview.verdict, SampleReview.user_id, SampleReview.in_bulk)
_BY_VERDICT = Prepared(select(*_HOW, func.count()).where(_STATE).group_by(*_HOW))
_LAST = Prepared(
    select(Decision.id, Decision.verdict, Decision.milliseconds)
    .select_from(SampleReview)
    .join(Decision, Decision.id == SampleReview.decision_id)
    .where(_STATE, ~SampleReview.in_bulk)
    .order_by(SampleReview.decision_id.desc())
    .limit(WINDOW)
)
_OPEN_ISSUES = Prepared(select(func.count()).select_from(OpenIssue).where(OpenIssue.run_id == bindparam("run")))


def by_verdict(session: Session, *, dataset_id: int) -> Counter[How]:
    """Samples with a standing decision."""
    return remember(
        session, (by_verdict, dataset_id),
        lambda: Counter({(verdict, user, in_bulk): n for verdict, user, in_bulk, n in _BY_VERDICT.rows(session, dataset=dataset_id)}),
    )  # fmt: skip


def any_waits(session: Session, *, dataset_id: int) -> bool:
    """Whether some sample may wait for another opinion, as far as is known without a look: while it does, `unsure` stands."""
    return not is_remembering(session) or any(
        n for (verdict, *_), n in by_verdict(session, dataset_id=dataset_id).items() if verdict == "unsure"
    )


def last_looks(session: Session, *, dataset_id: int) -> deque[Any]:
    """Id, verdict and milliseconds of the last decisions that count, without those for many at once; the newest first."""
    return remember(session, (last_looks, dataset_id), lambda: deque(_LAST.rows(session, dataset=dataset_id), maxlen=WINDOW))


def open_issues(session: Session, *, run_id: int) -> int:
    """Label issues of a run that nobody has decided on."""
    return remember(session, (open_issues, run_id), lambda: int(_OPEN_ISSUES.scalar(session, run=run_id) or 0))


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
        counts: Counter[How] = known.get((by_verdict, row.dataset_id), Counter())
        counts[row.verdict, row.user_id, row.in_bulk] -= 1
        known.pop((last_looks, row.dataset_id), None)
    for state, decision in after:
        counts = known.get((by_verdict, decision.dataset_id), Counter())
        counts[state.verdict, decision.user_id, state.in_bulk] += 1
        looks: deque[Any] = known.get((last_looks, decision.dataset_id), deque())
        if looks and looks[0][0] > decision.id:  # not the newest: an undo brought it back
            known.pop((last_looks, decision.dataset_id))
        elif not state.in_bulk:
            looks.appendleft((decision.id, decision.verdict, decision.milliseconds))
