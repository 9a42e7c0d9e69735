"""Progress counters: queried once, then kept up to date by the desk."""

from collections import deque

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from app.datasets.gold import visible_samples
from app.db.compiled import Prepared
from app.db.memory import is_remembering
from app.review.desk import Counts, TimedDecision, desk_of
from app.review.models import Decision, OpenIssue, SampleReview

WINDOW = 50  # decisions that the hit rate and the pace look back on

_STATE = SampleReview.dataset_id == bindparam("dataset")
_HOW = (SampleReview.verdict, SampleReview.user_id, SampleReview.in_bulk)
_BY_VERDICT = Prepared(select(*_HOW, func.count()).where(_STATE).group_by(*_HOW))
_LAST = Prepared(
    visible_samples(Decision.id, Decision.verdict, Decision.milliseconds, key=SampleReview.sample_id)
    .select_from(SampleReview)
    .join(Decision, Decision.id == SampleReview.decision_id)
    # what is drawn at random says nothing of the worklist
    .where(_STATE, ~SampleReview.in_bulk, Decision.origin != "audit")
    .order_by(SampleReview.decision_id.desc())
    .limit(WINDOW)
)
_OPEN_ISSUES = Prepared(
    select(func.count()).select_from(OpenIssue).where(OpenIssue.run_id == bindparam("run"))
)


def counts(session: Session, *, dataset_id: int) -> Counts:
    """Counts of the decisions of all annotators."""
    known = desk_of(session).counts
    if dataset_id not in known:
        known[dataset_id] = Counts()
        for verdict, user_id, in_bulk, n in _BY_VERDICT.rows(session, dataset=dataset_id):
            known[dataset_id].add(verdict, user_id, in_bulk, n)
    return known[dataset_id]


def any_waits(session: Session, *, dataset_id: int) -> bool:
    """Whether a sample may wait for a second opinion, without a query: such samples are `unsure`."""
    return not is_remembering(session) or counts(session, dataset_id=dataset_id).unsure > 0


def last_looks(session: Session, *, dataset_id: int) -> deque[TimedDecision]:
    """The last decisions that count, newest first, without bulk actions, audits and the gold part."""
    known = desk_of(session).looks
    if dataset_id not in known:
        rows = _LAST.rows(session, dataset=dataset_id)
        known[dataset_id] = deque((TimedDecision(*row) for row in rows), maxlen=WINDOW)
    return known[dataset_id]


def open_issues(session: Session, *, run_id: int) -> int:
    """How many label issues of a run are open."""
    known = desk_of(session).open_issues
    if run_id not in known:
        known[run_id] = int(_OPEN_ISSUES.scalar(session, run=run_id) or 0)
    return known[run_id]
