"""How far the review is, and what it has changed."""

from collections import defaultdict
from dataclasses import dataclass
from statistics import median

from sqlalchemy import and_, case, func, select
from sqlalchemy.orm import Session

from app.datasets.catalog import class_names
from app.datasets.models import DatasetVersion, Sample, VersionLabel
from app.ranking.models import Prediction
from app.review.models import Decision, SampleReview
from app.review.worklist import open_to
from app.training.runs import newest_ranked

CHANGES = ("relabel", "delete")
WINDOW = 50  # decisions that the hit rate and the pace look back on


@dataclass(frozen=True)
class ReviewProgress:
    """Counts of samples, except where said otherwise."""

    label_issues: int  # flagged by the current ranking
    remaining: int  # flagged and still open
    reviewed: int  # with a standing decision
    found: int  # relabelled or deleted
    hit_rate: float | None  # share of the last 50 reviewed samples whose label was wrong
    seconds_per_decision: float | None  # median of the last 50
    mine: int  # standing decisions of the annotator asked about


@dataclass(frozen=True)
class ClassCounts:
    """Samples of a class, by split, as given and as cleaned (deleted ones are in neither class)."""

    name: str
    given: dict[str, int]
    cleaned: dict[str, int]


@dataclass(frozen=True)
class Flow:
    """How many samples a review moved from one class to another; `target` none: deleted."""

    source: str
    target: str | None
    count: int


@dataclass(frozen=True)
class PendingChanges:
    """What the labels as they stand change against the given ones, and whether the newest version has all of it."""

    relabelled: int
    deleted: int
    since_version: int  # samples whose label differs from the newest version's
    version: int
    flows: tuple[Flow, ...]


def review_progress(session: Session, *, dataset_id: int, user_id: int | None = None) -> ReviewProgress:
    """Progress of everybody; `mine` and what remains are the annotator's, if one is named."""
    run = newest_ranked(session, dataset_id=dataset_id)
    flagged = remaining = 0
    if run:
        issue = and_(Prediction.run_id == run.id, Prediction.predicted_label != Prediction.label)
        flagged = session.scalar(select(func.count()).select_from(Prediction).where(issue)) or 0
        remaining = session.scalar(select(func.count()).select_from(Prediction).where(issue, open_to(user_id))) or 0
    state = SampleReview.dataset_id == dataset_id
    reviewed, found, mine = session.execute(
        select(
            func.count(),
            func.coalesce(func.sum(case((SampleReview.verdict.in_(CHANGES), 1), else_=0)), 0),
            func.coalesce(func.sum(case((SampleReview.user_id == user_id, 1), else_=0)), 0),
        ).where(state)
    ).one()
    last = session.execute(
        select(SampleReview.verdict, Decision.milliseconds)
        .join(Decision, Decision.id == SampleReview.decision_id)
        .where(state)
        .order_by(SampleReview.decision_id.desc())
        .limit(WINDOW)
    ).all()
    times = [milliseconds / 1000 for _, milliseconds in last if milliseconds]
    return ReviewProgress(
        label_issues=flagged,
        remaining=remaining,
        reviewed=reviewed,
        found=int(found),
        mine=int(mine),
        hit_rate=sum(verdict in CHANGES for verdict, _ in last) / len(last) if last else None,
        seconds_per_decision=median(times) if times else None,
    )


def label_table(session: Session, *, dataset_id: int) -> list[ClassCounts]:
    """Every class, by position."""
    names = class_names(session, dataset_id=dataset_id)
    table = [ClassCounts(name, defaultdict(int), defaultdict(int)) for name in names]
    cleaned = case((SampleReview.sample_id.is_(None), Sample.given_label), else_=SampleReview.label)
    rows = session.execute(
        select(Sample.split, Sample.given_label, cleaned, func.count())
        .outerjoin(SampleReview, SampleReview.sample_id == Sample.id)
        .where(Sample.dataset_id == dataset_id)
        .group_by(Sample.split, Sample.given_label, cleaned)
    )
    for split, given, now_label, count in rows:
        table[given].given[split] += count
        if now_label is not None:
            table[now_label].cleaned[split] += count
    return table


def pending_changes(session: Session, *, dataset_id: int) -> PendingChanges:
    """What a freeze would hold."""
    names = class_names(session, dataset_id=dataset_id)
    rows = session.execute(
        select(Sample.given_label, SampleReview.label, func.count())
        .join(Sample, Sample.id == SampleReview.sample_id)
        .where(SampleReview.dataset_id == dataset_id, SampleReview.verdict.in_(CHANGES))
        .group_by(Sample.given_label, SampleReview.label)
    ).all()
    flows = sorted(
        (Flow(names[given], None if label is None else names[label], n) for given, label, n in rows), key=lambda flow: -flow.count
    )
    newest = session.execute(
        select(DatasetVersion.id, DatasetVersion.number)
        .where(DatasetVersion.dataset_id == dataset_id)
        .order_by(DatasetVersion.number.desc())
        .limit(1)
    ).one_or_none()
    return PendingChanges(
        relabelled=sum(flow.count for flow in flows if flow.target),
        deleted=sum(flow.count for flow in flows if not flow.target),
        since_version=_differing(session, dataset_id, newest[0]) if newest else 0,
        version=newest[1] if newest else 0,
        flows=tuple(flows),
    )


def _differing(session: Session, dataset_id: int, version_id: int) -> int:
    """Samples whose label now is not the version's; -1 stands for deleted, so that it can be compared."""
    current = case((SampleReview.sample_id.is_(None), Sample.given_label), else_=func.coalesce(SampleReview.label, -1))
    frozen = case((VersionLabel.sample_id.is_(None), Sample.given_label), else_=func.coalesce(VersionLabel.label, -1))
    query = (
        select(func.count())
        .select_from(Sample)
        .outerjoin(SampleReview, SampleReview.sample_id == Sample.id)
        .outerjoin(VersionLabel, and_(VersionLabel.sample_id == Sample.id, VersionLabel.version_id == version_id))
        .where(Sample.dataset_id == dataset_id, current != frozen)
    )
    return session.scalar(query) or 0
