"""The end of an import: the validation part, version 0 and the report; and the split of each new sample."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.datasets.catalog import DELETING, class_names
from app.datasets.coverage import coverage_words
from app.datasets.layout import EXPECTED, FEWEST_CLASSES, Layout
from app.datasets.models import Dataset, DatasetVersion, LabelClass, RejectedFile, Sample
from app.datasets.refusals import reasons_in_words
from app.datasets.splitting import choose_valid, falls_in_valid
from app.datasets.versions import freeze, latest_version
from app.errors import Cancelled, Invalid
from app.jobs.webhooks import announce

IDS_AT_ONCE = 1000


@dataclass(frozen=True)
class ImportReport:
    """The result of an import; except for `added` and `known` it describes the whole data set."""

    samples: int
    added: int  # by this import
    known: int  # existed before
    rejected: int
    classes: int
    splits: dict[str, int]  # samples by split
    duplicates: int  # samples with the same content as an earlier sample
    contradictions: int  # samples whose copies have different labels, originals included
    version: int  # the newest version's number
    notes: tuple[str, ...]  # sentences about what a person should check

    def __str__(self) -> str:
        """For the person who imported."""
        splits = ", ".join(f"{count:,} {split}" for split, count in self.splits.items())
        counts = f"{self.added:,} new, {self.known:,} known before"
        parts = [f"{self.samples:,} images ({splits}) in {self.classes} classes: {counts}."]
        if self.rejected:
            were = "1 file was" if self.rejected == 1 else f"{self.rejected:,} files were"
            parts.append(f"{were} not imported.")
        if self.duplicates:
            copies = "1 image is a copy" if self.duplicates == 1 else f"{self.duplicates:,} images are copies"
            parts.append(
                f"{copies} of others; {self.contradictions:,} have different labels than their copies."
            )
        return " ".join(parts)


def split_rule(session: Session, layout: Layout, *, dataset_id: int, seed: int) -> Callable[[str, str], str]:
    """The split of a new sample, as a function of its path and sha256.

    If the source has a validation part, it is the source's own split. If not, all samples are in `train`
    until the first import is complete and `complete` creates a validation part. Samples of later imports get
    the split of their copies, or one by their hash.
    """
    first = not has_version(session, dataset_id=dataset_id)
    sides: dict[str, str] = {}
    if not first and not layout.has_valid:
        query = select(Sample.sha256, Sample.split).where(
            Sample.dataset_id == dataset_id, Sample.split != "test"
        )
        sides = dict(session.execute(query).all())

    def side(path: str, sha256: str) -> str:
        given = layout.places[path].split or "train"
        if first or layout.has_valid or given == "test":
            return given
        return sides.setdefault(sha256, "valid" if falls_in_valid(sha256, seed=seed) else "train")

    return side


def complete(session: Session, *, dataset_id: int, seed: int, added: int, known: int) -> ImportReport:
    """Finish a data set: create a missing validation part and version 0, and return the report.

    Raises Invalid for fewer than two classes.
    """
    if session.get_one(Dataset, dataset_id).state == DELETING:
        raise Cancelled("The data set was deleted while it was imported.")
    mine = Sample.dataset_id == dataset_id
    classes = session.scalar(select(func.count(Sample.given_label.distinct())).where(mine)) or 0
    if classes < FEWEST_CLASSES:
        found = (
            "only one class has images that can be read"
            if classes
            else "no file in it is an image that can be read"
        )
        raise Invalid(f"The import found files, but {found}. {_why(session, dataset_id)}{EXPECTED}.")
    session.get_one(Dataset, dataset_id).state = "ready"
    if not has_version(session, dataset_id=dataset_id):
        _make_valid(session, dataset_id=dataset_id, seed=seed)
        freeze(session, dataset_id=dataset_id, reviewed={})
    copies, labels = func.count(), func.count(Sample.given_label.distinct())
    groups = session.execute(
        select(copies, labels).where(mine).group_by(Sample.sha256).having(copies > 1)
    ).all()
    splits = dict(
        session.execute(
            select(Sample.split, func.count()).where(mine).group_by(Sample.split).order_by(Sample.split)
        ).all()
    )
    dataset = session.get_one(Dataset, dataset_id)
    dataset.notes = [*dataset.notes, *coverage_words(_class_counts(session, dataset_id))]
    counts = {"samples": sum(splits.values()), "added": added}
    announce(session, "import.finished", dataset=dataset.name, data=counts)
    return ImportReport(
        samples=sum(splits.values()),
        added=added,
        known=known,
        rejected=session.scalar(select(func.count()).where(RejectedFile.dataset_id == dataset_id)) or 0,
        classes=session.scalar(select(func.count()).where(LabelClass.dataset_id == dataset_id)) or 0,
        splits=splits,
        duplicates=sum(count - 1 for count, _ in groups),
        contradictions=sum(count for count, different in groups if different > 1),
        version=latest_version(session, dataset_id=dataset_id).number,
        notes=tuple(dataset.notes),
    )


def _class_counts(session: Session, dataset_id: int) -> dict[str, Counter[str]]:
    """Samples by class, in the order of the classes, and split."""
    counts = {name: Counter[str]() for name in class_names(session, dataset_id=dataset_id)}
    names = list(counts)
    query = select(Sample.given_label, Sample.split, func.count()).where(Sample.dataset_id == dataset_id)
    for label, split, count in session.execute(query.group_by(Sample.given_label, Sample.split)):
        counts[names[label]][split] = count
    return counts


def _why(session: Session, dataset_id: int) -> str:
    """The reasons of most rejected files, in sentences with a space at the end."""
    query = select(RejectedFile.path, RejectedFile.reason).where(RejectedFile.dataset_id == dataset_id)
    rejected = dict(session.execute(query).all())
    samples = select(func.count()).select_from(Sample).where(Sample.dataset_id == dataset_id)
    reasons = reasons_in_words(rejected, files=len(rejected) + (session.scalar(samples) or 0))
    return f"{reasons} " if reasons else ""


def has_version(session: Session, *, dataset_id: int) -> bool:
    """Whether an import of the data set was ever completed."""
    return (
        session.scalar(select(DatasetVersion.id).where(DatasetVersion.dataset_id == dataset_id).limit(1))
        is not None
    )


def _make_valid(session: Session, *, dataset_id: int, seed: int) -> None:
    """Give the data set a validation part if its source has none.

    No version exists yet, so the splits have not been used.
    """
    mine = Sample.dataset_id == dataset_id
    if session.scalar(select(Sample.id).where(mine, Sample.split == "valid").limit(1)) is not None:
        return
    rows = session.execute(
        select(Sample.id, Sample.sha256, Sample.given_label).where(mine, Sample.split == "train")
    ).all()
    chosen = choose_valid(((sha256, label) for _, sha256, label in rows), seed=seed)
    ids = [sample_id for sample_id, sha256, _ in rows if sha256 in chosen]
    for start in range(0, len(ids), IDS_AT_ONCE):
        session.execute(
            update(Sample).where(Sample.id.in_(ids[start : start + IDS_AT_ONCE])).values(split="valid")
        )
