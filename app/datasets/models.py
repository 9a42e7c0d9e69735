"""The tables of data sets, samples, versions and the gold part."""

import secrets
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    false,
)
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.orm import Mapped, mapped_column

from app.db.types import Base, now
from app.storage import Origin


class Dataset(Base):
    """A named collection of images; `source` is their place, read-only: a folder, a zip or an fsspec URL."""

    __tablename__ = "dataset"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    source: Mapped[str]
    # waiting (for a person to confirm its folders) → importing → ready; a failed or cancelled import keeps
    # its samples and can be repeated. deleting: it is gone for people, and being removed
    state: Mapped[str] = mapped_column(default="importing")
    # The name of the source for people, such as the name of the uploaded file; None: `source` itself.
    source_name: Mapped[str | None]
    zip_encoding: Mapped[str | None]  # the code page of the names in a zip that are not marked as UTF-8
    notes: Mapped[list[str]] = mapped_column(JSON, default=list)  # sentences of the newest import for people
    layout: Mapped[dict[str, Any] | None]  # how its folders are read, a `Reading`; None: not known yet
    proposals: Mapped[dict[str, Any] | None]  # the choices while it waits for a person, a `Proposal`
    # By kind of deep grey ("I": whole numbers, "F": floats) the values for black and white; never changed
    # once set.
    grey_scales: Mapped[dict[str, Any]] = mapped_column(default=dict)
    # What was added later: {source, name, zip_encoding} each; the paths of its samples begin with added-N/.
    parts: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    archived_at: Mapped[datetime | None]  # since when lists and the deck do not show it; None: they do
    for_chosen: Mapped[bool] = mapped_column(default=False, server_default=false())  # only they see it
    runs_made: Mapped[int] = mapped_column(default=0, server_default="0")  # also the newest model's number
    created_at: Mapped[datetime] = mapped_column(default=now)

    @property
    def origin(self) -> Origin:
        """Where the images are read from."""
        parts = tuple(Origin(**part) for part in self.parts)
        return Origin(self.source, self.source_name, self.zip_encoding, parts)


class ChosenPerson(Base):
    """Somebody who sees a data set that is for chosen people."""

    __tablename__ = "chosen_person"

    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(
        ForeignKey("user_account.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class FormerName(Base):
    """A name that a data set had before; its addresses lead to the data set, until another one has it."""

    __tablename__ = "former_name"

    name: Mapped[str] = mapped_column(primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"), index=True)


class LabelClass(Base):
    """A class; `position` is the network's output index, which is never changed and never used again.

    `name` is the name now. A version keeps the names that it was frozen with.
    """

    __tablename__ = "label_class"

    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str]
    former_names: Mapped[list[str]] = mapped_column(JSON, default=list)  # folders of the source have them
    retired_at: Mapped[datetime | None]  # since when it takes no answers; None: it takes them
    merged_into: Mapped[int | None]  # the position of the class that has its samples, if it was merged

    __table_args__ = (UniqueConstraint("dataset_id", "name"),)


class ClassChange(Base):
    """A change of a data set's classes by a person, or the undo of one. Rows are only added."""

    __tablename__ = "class_change"

    id: Mapped[int] = mapped_column(primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    kind: Mapped[str]  # add, rename, merge, retire; undo
    position: Mapped[int]  # of the class
    before: Mapped[str]  # its name before; of an undo: what is undone
    after: Mapped[str]  # its name after; of a merge the name of the other class
    was: Mapped[dict[str, Any]]  # the columns of the class before, so that an undo restores them
    action_id: Mapped[int | None]  # the action in bulk that relabelled its samples
    undoes_id: Mapped[int | None] = mapped_column(
        ForeignKey("class_change.id", ondelete="CASCADE"), unique=True
    )
    created_at: Mapped[datetime] = mapped_column(default=now)


def draw_key() -> int:
    """A random key, uniformly distributed."""
    return secrets.randbits(62)


def _as_given(context: DefaultExecutionContext) -> int:
    values: dict[str, int] = context.get_current_parameters()  # type: ignore[no-untyped-call]
    return values["given_label"]


class Sample(Base):
    """An image and its given label.

    After the import only two columns change: `random_key`, when an audit draws the sample, and `given_now`,
    when classes are merged.
    """

    __tablename__ = "sample"

    id: Mapped[int] = mapped_column(primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"))
    path: Mapped[str]  # POSIX, relative to the source
    folded_path: Mapped[str | None]  # for text search; None: the path in lower case
    sha256: Mapped[str]
    bytes: Mapped[int]
    width: Mapped[int]
    height: Mapped[int]
    mode: Mapped[str]  # Pillow's: L, RGB, …
    format: Mapped[str]  # Pillow's: PNG, JPEG, …
    split: Mapped[str]  # train, valid or test
    given_label: Mapped[int]  # that came with the image; versions go by it
    # The given label in the classes of now: that of the class into which the other one was merged. Everything
    # that is about now goes by it.
    given_now: Mapped[int] = mapped_column(default=_as_given, server_default="0")
    perceptual_hash: Mapped[
        str | None
    ]  # the perceptual hash; empty: a single colour; None: imported by a version without these hashes
    lookalikes: Mapped[
        int | None
    ]  # images that look the same share a number, the smallest of their ids; None: no image looks the same

    # The position in the random order. It is drawn at the import, independent of the image, so nobody can
    # predict it. Samples drawn for an audit get a negative number, so that they come first.
    random_key: Mapped[int] = mapped_column(BigInteger, default=draw_key, server_default="0")

    __table_args__ = (
        UniqueConstraint("dataset_id", "path"),
        ForeignKeyConstraint(
            ["dataset_id", "given_label"], ["label_class.dataset_id", "label_class.position"]
        ),
        Index(None, "dataset_id", "sha256"),  # duplicates by content
        Index(None, "dataset_id", "random_key"),
        Index(None, "dataset_id", "lookalikes"),
    )


class GoldPart(Base):
    """The gold part of a data set: images of the hold-out, drawn at random and labelled blind.

    It is drawn once and never changes.
    """

    __tablename__ = "gold_part"

    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"), primary_key=True)
    size: Mapped[int]
    seed: Mapped[int]
    looks: Mapped[int]  # annotators per image before a label counts
    digest: Mapped[str]  # sha256 over every member's (path, content)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))  # who drew it
    after_run_id: Mapped[int | None] = mapped_column(
        ForeignKey("run.id", ondelete="SET NULL")
    )  # the newest run at that time
    drawn_at: Mapped[datetime] = mapped_column(default=now)


class GoldMember(Base):
    """A sample of a gold part."""

    __tablename__ = "gold_member"

    sample_id: Mapped[int] = mapped_column(ForeignKey("sample.id", ondelete="CASCADE"), primary_key=True)
    dataset_id: Mapped[int] = mapped_column(
        ForeignKey("gold_part.dataset_id", ondelete="CASCADE"), index=True
    )


class RejectedFile(Base):
    """A file of the source that was rejected, and why."""

    __tablename__ = "rejected_file"

    id: Mapped[int] = mapped_column(primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"))
    path: Mapped[str]
    reason: Mapped[str]

    __table_args__ = (UniqueConstraint("dataset_id", "path"),)


class MissingFile(Base):
    """A sample whose file is missing, changed or unreadable; it is left out until the file is back."""

    __tablename__ = "missing_file"

    sample_id: Mapped[int] = mapped_column(
        ForeignKey("sample.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"), index=True)
    reason: Mapped[str]  # missing, changed or unreadable
    noticed_at: Mapped[datetime] = mapped_column(default=now)


class ImageAppearance(Base):
    """What the pixels of a sample are like, as `decoding/appearance.py` measures it at the import."""

    __tablename__ = "image_appearance"

    sample_id: Mapped[int] = mapped_column(
        ForeignKey("sample.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"), index=True)
    brightness: Mapped[float]
    contrast: Mapped[float]
    sharpness: Mapped[float]


class ImageProblem(Base):
    """Why a sample may be no use, whatever its label; `problems.py` finds it.

    Copies in two parts are not stored, because a decision about one ends it.
    """

    __tablename__ = "image_problem"

    sample_id: Mapped[int] = mapped_column(
        ForeignKey("sample.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    kind: Mapped[str] = mapped_column(primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"))
    score: Mapped[float]  # of the images with a problem of this kind, the worst has the highest
    value: Mapped[float]  # what was measured, for people
    usual: Mapped[float]  # the median of the data set

    __table_args__ = (Index(None, "dataset_id", "kind", "score"),)


class DatasetVersion(Base):
    """The labels at one moment, frozen. Version 0 has the given labels."""

    __tablename__ = "dataset_version"

    id: Mapped[int] = mapped_column(primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"))
    number: Mapped[int]
    digest: Mapped[str]  # sha256 over every (path, content, split, label)
    samples: Mapped[int]  # without deleted samples
    relabelled: Mapped[int]
    deleted: Mapped[int]
    classes: Mapped[list[str]] = mapped_column(JSON, default=list)  # their names then, by position
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (UniqueConstraint("dataset_id", "number"), UniqueConstraint("dataset_id", "digest"))


class VersionLabel(Base):
    """One reviewed sample in a version; samples without a row had no decision and keep their given label.

    A sample without a decision has a row too if its given class was merged: its verdict and status are empty.
    """

    __tablename__ = "version_label"

    version_id: Mapped[int] = mapped_column(
        ForeignKey("dataset_version.id", ondelete="CASCADE"), primary_key=True
    )
    sample_id: Mapped[int] = mapped_column(ForeignKey("sample.id", ondelete="CASCADE"), primary_key=True)
    label: Mapped[int | None]  # class position; None: deleted
    verdict: Mapped[str]  # empty: nobody decided
    reviews: Mapped[int]
    reviewers: Mapped[str]  # names, sorted, separated by spaces
    decided_at: Mapped[datetime]  # without a decision: of the freeze
    # single, agreed (by several people) or adjudicated; single in versions from before it was kept
    status: Mapped[str] = mapped_column(default="single", server_default="single")

    __table_args__ = (Index(None, "sample_id"),)
