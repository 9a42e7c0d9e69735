"""The progress of the review, and what it has changed."""

from collections import defaultdict
from dataclasses import dataclass
from statistics import median

from sqlalchemy import and_, bindparam, func, select
from sqlalchemy.orm import Session

from app.datasets.catalog import class_names, count_samples, each_sample
from app.datasets.coverage import coverage_words, lost_words
from app.datasets.gold import visible_samples
from app.datasets.models import DatasetVersion, MissingFile, Sample, VersionLabel
from app.datasets.versions import DELETED, label_in_version, last_member
from app.db.compiled import Prepared
from app.review import counters
from app.review.corrections import IS_CORRECTION
from app.review.fold import CHANGES
from app.review.models import SampleReview
from app.review.policy import WAITS, WAITS_FOR_ME, get_policy, may_look_again
from app.review.standing import label_now, may_differ
from app.training.runs import current_ranking

_STATE = SampleReview.dataset_id == bindparam("dataset")
_WAITING = (
    visible_samples(func.count(), key=SampleReview.sample_id).select_from(SampleReview).where(_STATE, WAITS)
)
_SECOND_LOOKS = Prepared(_WAITING.where(WAITS_FOR_ME))  # asked with every decision


@dataclass(frozen=True)
class ReviewProgress:
    """Counts of samples, except where said otherwise."""

    label_issues: int  # flagged by the current ranking
    remaining: int  # flagged and not decided, and the second looks
    second_looks: int  # samples that wait for another opinion, of the annotator if one is named
    reviewed: int  # with a standing decision
    in_bulk: int  # of these, by one verdict for many at once only
    found: int  # relabelled or deleted
    hit_rate: (
        float | None
    )  # share of the worklist's last 50 cards (none of an audit or of the gold part) whose label was wrong
    seconds_per_decision: float | None  # median of the same
    mine: int  # standing decisions of the annotator asked about


@dataclass(frozen=True)
class ClassCounts:
    """Samples of a class, by split, as given and as cleaned (deleted ones are in neither class)."""

    name: str
    given: dict[str, int]
    cleaned: dict[str, int]


@dataclass(frozen=True)
class LabelFlow:
    """How many samples the review moved from one class to another; `target` None: deleted."""

    source: str
    target: str | None
    count: int


@dataclass(frozen=True)
class PendingChanges:
    """How the current labels differ from the given ones, and which changes are in no version."""

    relabelled: int
    deleted: int
    since_version: int  # samples of the newest version whose label is another one by now
    version: int
    flows: tuple[LabelFlow, ...]
    new_images: int = 0  # imported since the newest version: in none

    @property
    def wait(self) -> bool:
        """Whether a freeze would make a new version."""
        return bool(self.since_version or self.new_images)

    @property
    def what(self) -> str:
        """What is in no version, as the subject of a sentence: 6 new images and 1 changed label."""
        counts = ((self.new_images, "new image"), (self.since_version, "changed label"))
        return " and ".join(f"{n:,} {word}{'' if n == 1 else 's'}" for n, word in counts if n)

    @property
    def words(self) -> str:
        """The same as a clause for the start of a sentence; empty if the newest version has everything."""
        one = self.since_version + self.new_images == 1
        return f"{self.what} {'is' if one else 'are'} in no version" if self.wait else ""


def review_progress(session: Session, *, dataset_id: int, user_id: int | None = None) -> ReviewProgress:
    """Progress of everybody; `mine` and what remains are the annotator's, if one is named."""
    ranking = current_ranking(session, dataset_id=dataset_id)
    counts = counters.counts(session, dataset_id=dataset_id)
    last = counters.last_looks(session, dataset_id=dataset_id)
    remaining = counters.open_issues(session, run_id=ranking.run_id) if ranking else 0
    second_looks = _second_looks(session, dataset_id, user_id) if counts.unsure else 0
    times = [milliseconds / 1000 for *_, milliseconds in last if milliseconds]
    return ReviewProgress(
        label_issues=ranking.label_issues if ranking else 0,
        remaining=remaining + second_looks,
        second_looks=second_looks,
        reviewed=counts.reviewed,
        found=counts.found,
        in_bulk=counts.in_bulk,
        mine=0 if user_id is None else counts.by_user[user_id],
        hit_rate=sum(verdict in CHANGES for _, verdict, _ in last) / len(last) if last else None,
        seconds_per_decision=median(times) if times else None,
    )


def count_remaining(session: Session, *, dataset_id: int, user_id: int) -> int:
    """The cards that remain for the annotator: flagged and not decided, and the second looks."""
    ranking = current_ranking(session, dataset_id=dataset_id)
    remaining = counters.open_issues(session, run_id=ranking.run_id) if ranking else 0
    counts = counters.counts(session, dataset_id=dataset_id)
    return remaining + (_second_looks(session, dataset_id, user_id) if counts.unsure else 0)


def label_table(session: Session, *, dataset_id: int) -> list[ClassCounts]:
    """Every class, by position."""
    names = class_names(session, dataset_id=dataset_id)
    table = [ClassCounts(name, defaultdict(int), defaultdict(int)) for name in names]
    as_given = (Sample.split, Sample.given_label, Sample.given_now)
    rows = session.execute(
        select(*as_given, func.count()).where(each_sample(session, dataset_id=dataset_id)).group_by(*as_given)
    )
    for split, given, given_now, count in rows:
        table[given].given[split] += count
        table[given_now].cleaned[split] += count
    as_answered = (Sample.split, Sample.given_now, SampleReview.label)
    moved = session.execute(
        select(*as_answered, func.count())
        .join(SampleReview, SampleReview.sample_id == Sample.id)
        .where(SampleReview.dataset_id == dataset_id)
        .group_by(*as_answered)
    )
    for split, given_now, label, count in moved:
        table[given_now].cleaned[split] -= count
        if label is not None:
            table[label].cleaned[split] += count
    for row in table:
        for split in [split for split, count in row.cleaned.items() if not count]:
            del row.cleaned[split]  # all of them have another label now
    return table


def lacking_words(session: Session, *, dataset_id: int) -> list[str]:
    """Sentences about classes without images in a part, by the current labels."""
    table = label_table(session, dataset_id=dataset_id)
    words = coverage_words({row.name: row.cleaned for row in table})
    return words + lost_words(_lost_classes(session, dataset_id=dataset_id, table=table))


def _lost_classes(session: Session, *, dataset_id: int, table: list[ClassCounts]) -> dict[str, int]:
    """The classes whose training images are all listed as missing, with their number, by current labels."""
    cleaned = label_now()
    rows = session.execute(
        select(cleaned, func.count())
        .select_from(MissingFile)
        .join(Sample, Sample.id == MissingFile.sample_id)
        .outerjoin(SampleReview, SampleReview.sample_id == Sample.id)
        .where(MissingFile.dataset_id == dataset_id, Sample.split == "train")
        .group_by(cleaned)
    ).all()
    lost = {label: count for label, count in rows if label is not None}
    return {table[label].name: n for label, n in sorted(lost.items()) if n == table[label].cleaned["train"]}


def pending_changes(session: Session, *, dataset_id: int) -> PendingChanges:
    """The changes that a freeze would contain."""
    names = class_names(session, dataset_id=dataset_id)
    rows = session.execute(
        select(Sample.given_label, SampleReview.label, func.count())
        .join(Sample, Sample.id == SampleReview.sample_id)
        .where(SampleReview.dataset_id == dataset_id, IS_CORRECTION)
        .group_by(Sample.given_label, SampleReview.label)
    ).all()
    flows = sorted(
        (LabelFlow(names[given], None if label is None else names[label], n) for given, label, n in rows),
        key=lambda flow: -flow.count,
    )
    newest = session.scalar(
        select(DatasetVersion)
        .where(DatasetVersion.dataset_id == dataset_id)
        .order_by(DatasetVersion.number.desc())
        .limit(1)
    )
    known = newest.samples + newest.deleted if newest else 0
    return PendingChanges(
        relabelled=sum(flow.count for flow in flows if flow.target),
        deleted=sum(flow.count for flow in flows if not flow.target),
        since_version=_differing(session, newest) if newest else 0,
        version=newest.number if newest else 0,
        flows=tuple(flows),
        new_images=count_samples(session, dataset_id=dataset_id) - known if newest else 0,
    )


def _differing(session: Session, version: DatasetVersion) -> int:
    """Its samples whose label now is not the version's."""
    current = func.coalesce(label_now(), DELETED)
    frozen = func.coalesce(label_in_version(), DELETED)
    query = (
        select(func.count())
        .select_from(Sample)
        .outerjoin(SampleReview, SampleReview.sample_id == Sample.id)
        .outerjoin(
            VersionLabel, and_(VersionLabel.sample_id == Sample.id, VersionLabel.version_id == version.id)
        )
        .where(
            Sample.id.in_(may_differ(session, dataset_id=version.dataset_id, version_id=version.id)),
            Sample.id <= last_member(session, version),
            current != frozen,
        )
    )
    return session.scalar(query) or 0


def _second_looks(session: Session, dataset_id: int, user_id: int | None) -> int:
    if user_id is None:
        return session.scalar(_WAITING, {"dataset": dataset_id}) or 0
    policy = get_policy(session, dataset_id=dataset_id)
    if not may_look_again(session, policy, user_id=user_id):
        return 0
    return _SECOND_LOOKS.scalar(session, dataset=dataset_id, user=user_id, annotators=policy.annotators) or 0
