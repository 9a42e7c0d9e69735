"""Two versions of a data set, row by row: labels that changed, images that were added or removed."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Subquery, and_, case, func, null, or_, select
from sqlalchemy.orm import Session, aliased

from app.datasets.gold import is_visible
from app.datasets.models import DatasetVersion, Sample, VersionLabel
from app.datasets.versions import last_member
from app.errors import Invalid

KINDS = ("changed", "added", "removed")
WORDS = {"changed": "label changed", "added": "added", "removed": "removed"}
_AT_ONCE = 1000


@dataclass(frozen=True)
class RowChange:
    """A sample that differs between two versions; labels are the class names of each version."""

    sample_id: int
    path: str
    split: str
    kind: str
    before: str | None  # None: not in the old version, or deleted there
    after: str | None


@dataclass(frozen=True)
class VersionChange:
    """How many samples differ, and which classes have another name."""

    changed: int
    added: int
    removed: int
    unchanged: int
    renamed: tuple[tuple[str, str], ...]  # (name in the old version, name in the new one)

    def count(self, kind: str) -> int:
        """The samples of a kind; of an empty one, all that differ."""
        counts = {"changed": self.changed, "added": self.added, "removed": self.removed}
        return counts[kind] if kind else sum(counts.values())


def check_kind(kind: str) -> str:
    """Raises Invalid for an unknown kind; an empty one means all."""
    if kind and kind not in KINDS:
        raise Invalid(f"“{kind}” is no kind of change; there are {', '.join(KINDS)}.")
    return kind


def compare_versions(session: Session, old: DatasetVersion, new: DatasetVersion) -> VersionChange:
    """Count what differs; a class with another name is no change of its labels."""
    changes = _changes(session, old, new)
    rows = session.execute(
        select(changes.c.kind, func.count()).select_from(changes).group_by(changes.c.kind)
    ).all()
    counts = {kind: count for kind, count in rows if kind}
    both = {kind or "": count for kind, count in rows}.get("", 0)
    renamed = [
        (before, after) for before, after in zip(old.classes, new.classes, strict=False) if before != after
    ]
    return VersionChange(
        changed=counts.get("changed", 0),
        added=counts.get("added", 0),
        removed=counts.get("removed", 0),
        unchanged=both,
        renamed=tuple(renamed),
    )


def list_changes(
    session: Session,
    old: DatasetVersion,
    new: DatasetVersion,
    *,
    kind: str = "",
    limit: int = 100,
    after: int = 0,
    offset: int = 0,
) -> list[RowChange]:
    """The samples that differ, by id, from the first id above `after` on. Raises Invalid."""
    changes = _changes(session, old, new)
    wanted = changes.c.kind == check_kind(kind) if kind else changes.c.kind.is_not(None)
    query = select(changes).where(wanted, changes.c.id > after).order_by(changes.c.id)
    return [
        RowChange(
            row.id,
            row.path,
            row.split,
            row.kind,
            None if row.before is None else old.classes[row.before],
            None if row.after is None else new.classes[row.after],
        )
        for row in session.execute(query.limit(limit).offset(offset))
    ]


def all_changes(
    session: Session, old: DatasetVersion, new: DatasetVersion, *, kind: str = ""
) -> Iterator[RowChange]:
    """As `list_changes`, all of them, a page at a time."""
    after = 0
    while page := list_changes(session, old, new, kind=kind, limit=_AT_ONCE, after=after):
        yield from page
        after = page[-1].sample_id


def _changes(session: Session, old: DatasetVersion, new: DatasetVersion) -> Subquery:
    """A subquery of id, path, split, before, after and kind; of what is the same the kind is null."""
    first, second = aliased(VersionLabel), aliased(VersionLabel)
    before = _label(first, last_member(session, old))
    after = _label(second, last_member(session, new))
    is_new = and_(before.is_(None), after.is_not(None), is_visible(Sample.id))
    kind = case(
        (and_(before.is_not(None), after.is_not(None), before != after), "changed"),
        (is_new, "added"),
        (and_(before.is_not(None), after.is_(None)), "removed"),
        else_=null(),
    )
    query = (
        select(
            Sample.id,
            Sample.path,
            Sample.split,
            before.label("before"),
            after.label("after"),
            kind.label("kind"),
        )
        .outerjoin(first, and_(first.sample_id == Sample.id, first.version_id == old.id))
        .outerjoin(second, and_(second.sample_id == Sample.id, second.version_id == new.id))
        .where(Sample.dataset_id == old.dataset_id, or_(before.is_not(None), after.is_not(None)))
    )
    return query.subquery()


def _label(frozen: type[VersionLabel], last: int) -> ColumnElement[int | None]:
    """The label of a sample in a version whose newest sample is `last`; null: not in it, or deleted."""
    return case(
        (Sample.id > last, null()), (frozen.sample_id.is_(None), Sample.given_label), else_=frozen.label
    )
