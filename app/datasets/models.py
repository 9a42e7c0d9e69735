"""Tables of what is labelled."""

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
)
from sqlalchemy.orm import Mapped, mapped_column

from app.db.types import Base, now
from app.storage import Origin


class Dataset(Base):
    """A named collection of images; `source` is where they lie, read-only (a folder, a zip, an fsspec URL)."""

    __tablename__ = "dataset"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    source: Mapped[str]
    # waiting (for a person to confirm its folders) → importing → ready; a failed or cancelled import keeps what it has
    # and can be repeated
    state: Mapped[str] = mapped_column(default="importing")
    # What the person who imported it calls the source, such as the name of the file they sent; none: `source` itself.
    source_name: Mapped[str | None]
    zip_encoding: Mapped[str | None]  # the code page of the names in a zip that are not marked as UTF-8
    notes: Mapped[list[str]] = mapped_column(JSON, default=list)  # sentences of the newest import for people
    layout: Mapped[dict[str, Any] | None]  # how its folders are read, a `Reading`; none: not known yet
    proposals: Mapped[dict[str, Any] | None]  # what a person may choose from while it waits, a `Proposal`
    # By kind of deep grey ("I": whole numbers, "F": floats) the values that are black and white; once there, it stays.
    grey_scales: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=now)

    @property
    def origin(self) -> Origin:
        """Where the images are read from."""
        return Origin(self.source, self.source_name, self.zip_encoding)


class LabelClass(Base):
    """A class; `position` is the network's output index, fixed at import, never recomputed."""

    __tablename__ = "label_class"

    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str]

    __table_args__ = (UniqueConstraint("dataset_id", "name"),)


def draw_key() -> int:
    """A random key, each as likely."""
    return secrets.randbits(62)


class Sample(Base):
    """An image and the label it came with.

    Nothing here changes after the import, but for the key that an audit draws.
    """

    __tablename__ = "sample"

    id: Mapped[int] = mapped_column(primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"))
    path: Mapped[str]  # POSIX, relative to the source
    folded_path: Mapped[str | None]  # what a search goes by; none: the path in lower case
    sha256: Mapped[str]
    bytes: Mapped[int]
    width: Mapped[int]
    height: Mapped[int]
    mode: Mapped[str]  # Pillow's: L, RGB, …
    format: Mapped[str]  # Pillow's: PNG, JPEG, …
    split: Mapped[str]  # train, valid or test
    given_label: Mapped[int]
    perceptual_hash: Mapped[
        str | None
    ]  # of what it looks like; empty: of one colour; none: imported before there was one
    lookalikes: Mapped[
        int | None
    ]  # images that look the same have the same number, the smallest of their ids; none: it has none

    # The place in the random order: drawn at import, and from no property of the image, so nobody can tell it beforehand.
    # Whatever an audit draws gets a negative one, so that it comes first.
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
    """The gold part of a data set: images of the hold-out drawn at random, looked at blind.

    It is drawn once and stays as it is.
    """

    __tablename__ = "gold_part"

    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"), primary_key=True)
    size: Mapped[int]
    seed: Mapped[int]
    looks: Mapped[int]  # annotators who look at one image before an answer holds
    digest: Mapped[str]  # sha256 over every member's (path, content)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))  # who drew it
    after_run_id: Mapped[int | None] = mapped_column(
        ForeignKey("run.id", ondelete="SET NULL")
    )  # the newest run there was
    drawn_at: Mapped[datetime] = mapped_column(default=now)


class GoldMember(Base):
    """A sample of a gold part."""

    __tablename__ = "gold_member"

    sample_id: Mapped[int] = mapped_column(ForeignKey("sample.id", ondelete="CASCADE"), primary_key=True)
    dataset_id: Mapped[int] = mapped_column(
        ForeignKey("gold_part.dataset_id", ondelete="CASCADE"), index=True
    )


class RejectedFile(Base):
    """A file of the source that is no sample, and why."""

    __tablename__ = "rejected_file"

    id: Mapped[int] = mapped_column(primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"))
    path: Mapped[str]
    reason: Mapped[str]

    __table_args__ = (UniqueConstraint("dataset_id", "path"),)


class MissingFile(Base):
    """A sample whose file is gone, is another one now, or cannot be read: left out until it is there again."""

    __tablename__ = "missing_file"

    sample_id: Mapped[int] = mapped_column(
        ForeignKey("sample.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"), index=True)
    reason: Mapped[str]  # missing, changed or unreadable
    noticed_at: Mapped[datetime] = mapped_column(default=now)


class DatasetVersion(Base):
    """The labels as they stood at one moment, frozen. Version 0 is the given labels."""

    __tablename__ = "dataset_version"

    id: Mapped[int] = mapped_column(primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"))
    number: Mapped[int]
    digest: Mapped[str]  # sha256 over every (path, content, split, label)
    samples: Mapped[int]  # in the version: deleted ones are not
    relabelled: Mapped[int]
    deleted: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (UniqueConstraint("dataset_id", "number"), UniqueConstraint("dataset_id", "digest"))


class VersionLabel(Base):
    """One reviewed sample as it stood in a version; samples without a row had no decision and their given label."""

    __tablename__ = "version_label"

    version_id: Mapped[int] = mapped_column(
        ForeignKey("dataset_version.id", ondelete="CASCADE"), primary_key=True
    )
    sample_id: Mapped[int] = mapped_column(ForeignKey("sample.id", ondelete="CASCADE"), primary_key=True)
    label: Mapped[int | None]  # class position; none: deleted
    verdict: Mapped[str]
    reviews: Mapped[int]
    reviewers: Mapped[str]  # names, sorted, separated by spaces
    decided_at: Mapped[datetime]

    __table_args__ = (Index(None, "sample_id"),)
