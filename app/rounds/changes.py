"""What a retrain would change: the current labels compared with those that its parent trained on."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from app.datasets.catalog import each_sample
from app.datasets.models import DatasetVersion, Sample, VersionLabel
from app.datasets.versions import DELETED, label_in_version, last_member
from app.review.models import SampleReview
from app.review.standing import label_now, may_differ

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class Move:
    """Samples whose label has changed; classes by position, `DELETED` for deleted samples."""

    source: int
    target: int
    count: int


@dataclass(frozen=True)
class SplitChange:
    """A split's samples without deleted ones, in the version and now, and how many of them differ."""

    split: str
    before: int
    after: int
    changed: int  # relabelled, deleted or brought back
    added: int  # imported since


@dataclass(frozen=True)
class LabelChanges:
    """The labels as they stand against a version's."""

    moves: tuple[Move, ...]  # the largest first
    splits: tuple[SplitChange, ...]

    @property
    def relabelled(self) -> int:
        """Samples that moved from one class to another."""
        return sum(move.count for move in self.moves if DELETED not in (move.source, move.target))

    @property
    def deleted(self) -> int:
        """Samples that are left out now."""
        return sum(move.count for move in self.moves if move.target == DELETED)

    @property
    def restored(self) -> int:
        """Samples that were left out and are back."""
        return sum(move.count for move in self.moves if move.source == DELETED)

    @property
    def added(self) -> int:
        """Samples that were imported since."""
        return sum(split.added for split in self.splits)

    @property
    def total(self) -> int:
        """Samples that make a difference."""
        return sum(move.count for move in self.moves) + self.added

    @property
    def to_learn(self) -> int:
        """Samples of the training part that make a difference: no network learns the others."""
        return sum(split.changed + split.added for split in self.splits if split.split == "train")


def count_changes(rows: Iterable[tuple[str, bool, int, int, int]]) -> LabelChanges:
    """From counts of (split, whether imported since, label in the version, label now). Pure."""
    moves: Counter[tuple[int, int]] = Counter()
    before, after, changed, added = (Counter[str]() for _ in range(4))
    for split, is_new, old, new, n in rows:
        after[split] += n * (new != DELETED)
        if is_new:
            added[split] += n * (new != DELETED)
            continue
        before[split] += n * (old != DELETED)
        if old != new:
            moves[old, new] += n
            changed[split] += n
    return LabelChanges(
        moves=tuple(
            Move(old, new, n) for (old, new), n in sorted(moves.items(), key=lambda each: (-each[1], each[0]))
        ),
        splits=tuple(
            SplitChange(split, before[split], after[split], changed[split], added[split])
            for split in SPLITS
            if before[split] or after[split] or changed[split]
        ),
    )


def changes_since(session: Session, *, dataset_id: int, version_id: int) -> LabelChanges:
    """What a freeze would hold that the version does not."""
    version = session.get_one(DatasetVersion, version_id)
    last = last_member(session, version)
    now = func.coalesce(label_now(), DELETED)
    frozen = func.coalesce(label_in_version(), DELETED)
    columns = (Sample.split, (Sample.id > last).label("is_new"), frozen.label("old"), now.label("new"))
    candidates = may_differ(session, dataset_id=dataset_id, version_id=version_id)
    samples = (
        select(*columns)
        .outerjoin(SampleReview, SampleReview.sample_id == Sample.id)
        .outerjoin(
            VersionLabel, and_(VersionLabel.sample_id == Sample.id, VersionLabel.version_id == version_id)
        )
        .where(Sample.id.in_(candidates))
        .subquery()
    )
    fields = (samples.c.split, samples.c.is_new, samples.c.old, samples.c.new)
    rows = [
        (split, bool(new), old, now_, n)
        for split, new, old, now_, n in session.execute(select(*fields, func.count()).group_by(*fields))
    ]
    parts = select(*columns[:2]).where(each_sample(session, dataset_id=dataset_id)).subquery()
    part = (parts.c.split, parts.c.is_new)
    same = {
        (split, bool(new)): n
        for split, new, n in session.execute(select(*part, func.count()).group_by(*part))
    }
    for split, new, *_, n in rows:
        same[split, new] -= n
    return count_changes(chain(rows, ((split, new, 0, 0, n) for (split, new), n in same.items())))
