"""Versions of a data set: the labels at one moment, frozen, with a number and a digest.

Samples are only added, so a version with n samples has the n oldest samples of its data set. Samples of later
imports belong to later versions.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Select, and_, case, func, insert, select
from sqlalchemy.orm import Session

from app.datasets.catalog import class_names, lock_out_decisions
from app.datasets.models import Dataset, DatasetVersion, LabelClass, Sample, VersionLabel
from app.db.types import now
from app.errors import Invalid, NotFound
from app.jobs.webhooks import announce
from app.spelling import places_of

UNREVIEWED = ""  # the verdict of a frozen label that nobody has looked at: classes were merged
DELETED = -1  # instead of the class position of a deleted sample, so that labels can be compared


@dataclass(frozen=True)
class FrozenLabel:
    """The result of all decisions about one sample; `label` is a class position, None: deleted."""

    label: int | None
    verdict: str
    reviews: int
    reviewers: str
    decided_at: datetime
    status: str = "single"  # or agreed, adjudicated


@dataclass(frozen=True)
class VersionSamples:
    """The samples of a version that are not deleted, by ascending id; one entry per sample in each field."""

    sample_ids: NDArray[np.int64]  # (n,)
    labels: NDArray[np.int64]  # (n,) class positions
    splits: list[str]
    paths: list[str]
    sha256: list[str]

    def only(self, rows: NDArray[np.int64]) -> "VersionSamples":
        """These rows (m,)."""
        splits, paths, sha256 = (
            [each[row] for row in rows] for each in (self.splits, self.paths, self.sha256)
        )
        return VersionSamples(self.sample_ids[rows], self.labels[rows], splits, paths, sha256)


def digest_of(rows: Iterable[tuple[str, str, str, str | None]]) -> str:
    """The sha256, as 64 hex digits, of rows (path, sha256, split, class name or None), in any order."""
    digest = hashlib.sha256()
    for row in sorted(rows, key=lambda row: row[0]):
        digest.update(json.dumps(row).encode())  # JSON separates fields whatever they contain
    return digest.hexdigest()


def freeze(
    session: Session, *, dataset_id: int, reviewed: Mapping[int, FrozenLabel]
) -> tuple[DatasetVersion, bool]:
    """The version with these labels, and whether it is new: unchanged labels give the existing version.

    `reviewed` has the state of each sample with a decision, by id; all other samples keep their given label,
    in the classes of now.

    Raises NotFound for an unknown data set, Invalid for samples or classes of another data set.
    """
    # also makes two people freeze one after another; an import freezes what was archived meanwhile
    lock_out_decisions(session, dataset_id=dataset_id, also_archived=True)
    if session.get(Dataset, dataset_id) is None:
        raise NotFound(f"There is no data set {dataset_id}.")
    names: dict[int | None, str | None] = {None: None}
    names.update(
        session.execute(
            select(LabelClass.position, LabelClass.name)
            .where(LabelClass.dataset_id == dataset_id)
            .order_by(LabelClass.position)
        ).all()
    )
    samples = session.execute(_samples(dataset_id)).all()
    labels = {sample_id: given for sample_id, _, _, _, given in samples}
    _check(reviewed, given=labels, names=names)
    reviewed = _merged(session, dataset_id) | dict(reviewed)
    current: dict[int, int | None] = {
        **labels,
        **{sample_id: frozen.label for sample_id, frozen in reviewed.items()},
    }
    digest = digest_of(
        (path, sha256, split, names[current[sample_id]]) for sample_id, path, sha256, split, _ in samples
    )
    same = session.scalar(
        select(DatasetVersion).where(DatasetVersion.dataset_id == dataset_id, DatasetVersion.digest == digest)
    )
    if same is not None:
        return same, False
    newest = session.scalar(
        select(func.max(DatasetVersion.number)).where(DatasetVersion.dataset_id == dataset_id)
    )
    deleted = sum(label is None for label in current.values())
    version = DatasetVersion(
        dataset_id=dataset_id,
        number=0 if newest is None else newest + 1,
        digest=digest,
        samples=len(samples) - deleted,
        relabelled=sum(
            frozen.verdict == "relabel" and frozen.label not in (None, labels[sample_id])
            for sample_id, frozen in reviewed.items()
        ),
        deleted=deleted,
        classes=[name for name in names.values() if name is not None],
    )
    session.add(version)
    session.flush()
    if reviewed:
        session.execute(
            insert(VersionLabel),
            [_row(version.id, sample_id, frozen) for sample_id, frozen in sorted(reviewed.items())],
        )
    counts = {"version": version.number, "samples": version.samples, "digest": digest}
    name = session.get_one(Dataset, dataset_id).name
    announce(session, "version.frozen", dataset=name, data=counts)
    return version, True


def latest_version(session: Session, *, dataset_id: int) -> DatasetVersion:
    """The newest version. Raises NotFound before the import has finished."""
    query = (
        select(DatasetVersion)
        .where(DatasetVersion.dataset_id == dataset_id)
        .order_by(DatasetVersion.number.desc())
        .limit(1)
    )
    version = session.scalar(query)
    if version is None:
        raise NotFound("This data set has no version yet; its import has to finish first.")
    return version


def list_versions(session: Session, *, dataset_id: int) -> list[DatasetVersion]:
    """Every version, the oldest first."""
    return list(
        session.scalars(
            select(DatasetVersion)
            .where(DatasetVersion.dataset_id == dataset_id)
            .order_by(DatasetVersion.number)
        )
    )


def get_version(session: Session, *, dataset_id: int, number: int) -> DatasetVersion:
    """The version with this number. Raises NotFound."""
    version = session.scalar(
        select(DatasetVersion).where(DatasetVersion.dataset_id == dataset_id, DatasetVersion.number == number)
    )
    if version is None:
        raise NotFound(
            f"This data set has no version {number}; its list of versions shows the ones there are."
        )
    return version


def frozen_names(session: Session, *, version_id: int) -> list[str]:
    """The class names of a version, by position: those at the time of the freeze."""
    return list(session.scalars(select(DatasetVersion.classes).where(DatasetVersion.id == version_id)).one())


def names_of(session: Session, *, version_id: int) -> list[str]:
    """As `frozen_names`, followed by the classes that were added since, under their names now."""
    version = session.get_one(DatasetVersion, version_id)
    now_named = class_names(session, dataset_id=version.dataset_id)
    return [*version.classes, *now_named[len(version.classes) :]]


def position_in(session: Session, *, version_id: int, name: str) -> int:
    """The position of a class by its name in a version, in any spelling. Raises Invalid."""
    found = places_of(name, names_of(session, version_id=version_id))
    if not found:
        raise Invalid(f"“{name}” is no class of this version; its page lists its classes.")
    return found[0]


def last_member(session: Session, version: DatasetVersion) -> int:
    """The id of the newest sample of a version; samples imported later have greater ids."""
    ids = select(Sample.id).where(Sample.dataset_id == version.dataset_id).order_by(Sample.id)
    return session.scalar(ids.offset(max(0, version.samples + version.deleted - 1)).limit(1)) or 0


def labels_of(session: Session, *, version_id: int) -> VersionSamples:
    """The samples of a version that are not deleted, with their frozen labels. Raises NotFound."""
    version = session.get(DatasetVersion, version_id)
    if version is None:
        raise NotFound(f"There is no version with the id {version_id}.")
    reviewed = dict(
        session.execute(
            select(VersionLabel.sample_id, VersionLabel.label).where(VersionLabel.version_id == version_id)
        ).all()
    )
    rows = session.execute(members(version))
    kept = [
        (sample_id, path, sha256, split, label)
        for sample_id, path, sha256, split, given in rows
        if (label := reviewed.get(sample_id, given)) is not None
    ]
    return VersionSamples(
        sample_ids=np.array([row[0] for row in kept], dtype=np.int64),
        labels=np.array([row[4] for row in kept], dtype=np.int64),
        splits=[row[3] for row in kept],
        paths=[row[1] for row in kept],
        sha256=[row[2] for row in kept],
    )


def label_in_version() -> ColumnElement[int | None]:
    """A sample's label in a query that outer-joins `VersionLabel` for a version.

    Without a row it is the given label; null means deleted.
    """
    return case((VersionLabel.sample_id.is_(None), Sample.given_label), else_=VersionLabel.label)


def given_in_version() -> ColumnElement[int]:
    """A sample's given label in the classes of a version, in a query that outer-joins `VersionLabel`.

    Who keeps a label, or has not decided, leaves the given one; its class may have been merged before the
    freeze.
    """
    is_given = and_(VersionLabel.verdict.in_((UNREVIEWED, "keep", "unsure")), VersionLabel.label.is_not(None))
    return case((is_given, VersionLabel.label), else_=Sample.given_label)


def _merged(session: Session, dataset_id: int) -> dict[int, FrozenLabel]:
    """The labels of samples whose given class was merged, by id."""
    query = select(Sample.id, Sample.given_now).where(
        Sample.dataset_id == dataset_id, Sample.given_now != Sample.given_label
    )
    moment = now()
    return {
        sample_id: FrozenLabel(label, UNREVIEWED, reviews=0, reviewers="", decided_at=moment, status="")
        for sample_id, label in session.execute(query)
    }


def members(version: DatasetVersion) -> Select[int, str, str, str, int]:
    """A query for (id, path, sha256, split, given label) of all samples of a version, also deleted, by id."""
    return _samples(version.dataset_id).limit(version.samples + version.deleted)


def _samples(dataset_id: int) -> Select[int, str, str, str, int]:
    columns = select(Sample.id, Sample.path, Sample.sha256, Sample.split, Sample.given_label)
    return columns.where(Sample.dataset_id == dataset_id).order_by(Sample.id)


def _check(
    reviewed: Mapping[int, FrozenLabel], *, given: Mapping[int, int], names: Mapping[int | None, str | None]
) -> None:
    strangers = reviewed.keys() - given.keys()
    if strangers:
        raise Invalid(f"Image {min(strangers)} is not in this data set; freeze its own images only.")
    unknown = {frozen.label for frozen in reviewed.values()} - names.keys()
    if unknown:
        raise Invalid(f"This data set has no class at position {unknown.pop()}; use one of its own.")


def _row(version_id: int, sample_id: int, frozen: FrozenLabel) -> dict[str, object]:
    return {
        "version_id": version_id,
        "sample_id": sample_id,
        "label": frozen.label,
        "verdict": frozen.verdict,
        "reviews": frozen.reviews,
        "reviewers": frozen.reviewers,
        "decided_at": frozen.decided_at,
        "status": frozen.status,
    }
