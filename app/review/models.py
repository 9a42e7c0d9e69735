"""Tables of what people decided. `Decision` is the truth, append-only; `SampleReview` is its fold, `OpenIssue` what is left."""

from datetime import datetime

from sqlalchemy import ColumnElement, ForeignKey, Index, UniqueConstraint, bindparam, exists
from sqlalchemy.orm import InstrumentedAttribute, Mapped, aliased, mapped_column

from app.schema import Base, now


class Decision(Base):
    """One answer of one annotator, or the undoing of one. Rows are only ever added."""

    __tablename__ = "decision"

    id: Mapped[int] = mapped_column(primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"))
    sample_id: Mapped[int] = mapped_column(ForeignKey("sample.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    verdict: Mapped[str]  # keep, relabel, delete, unsure; undo
    label: Mapped[int | None]  # the class a relabel moves to
    undoes_id: Mapped[int | None] = mapped_column(ForeignKey("decision.id"), unique=True)
    run_id: Mapped[int | None] = mapped_column(ForeignKey("run.id", ondelete="SET NULL"))  # the ranking that showed it
    rank: Mapped[int | None]
    client_id: Mapped[str]  # the client's own id: the same request twice is one decision
    milliseconds: Mapped[int | None]  # from shown to decided
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (
        UniqueConstraint("user_id", "client_id"),
        Index(None, "sample_id"),
        Index(None, "dataset_id", "user_id", "id"),
    )


def was_unsure(sample_id: ColumnElement[int] | InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """Whether the annotator `user` (a bound parameter) has an `unsure` on a sample that stands: it waits for somebody else."""
    undoing = aliased(Decision)
    return exists().where(
        Decision.sample_id == sample_id, Decision.user_id == bindparam("user"), Decision.verdict == "unsure",
        ~exists().where(undoing.undoes_id == Decision.id),
    )  # fmt: skip


class SampleReview(Base):
    """The state that a sample's decisions add up to; only samples with a standing decision have a row."""

    __tablename__ = "sample_review"

    sample_id: Mapped[int] = mapped_column(ForeignKey("sample.id", ondelete="CASCADE"), primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"))
    verdict: Mapped[str]
    label: Mapped[int | None]  # the cleaned label; none: deleted
    decision_id: Mapped[int] = mapped_column(ForeignKey("decision.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))  # whose decision stands
    reviews: Mapped[int]  # standing decisions
    decided_at: Mapped[datetime]

    __table_args__ = (
        Index(None, "dataset_id", "verdict", "user_id"),  # counts of what was found, by whom
        Index(None, "dataset_id", "decision_id"),  # the last decisions that stand
    )


class OpenIssue(Base):
    """A label issue of a run that waits for a verdict, or for a second one after `unsure`."""

    __tablename__ = "open_issue"

    run_id: Mapped[int] = mapped_column(ForeignKey("run.id", ondelete="CASCADE"), primary_key=True)
    rank: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sample_id: Mapped[int] = mapped_column(ForeignKey("sample.id", ondelete="CASCADE"))

    __table_args__ = (Index(None, "sample_id", "run_id"),)


class Claim(Base):
    """A card in somebody's hands until the lease ends."""

    __tablename__ = "claim"

    sample_id: Mapped[int] = mapped_column(ForeignKey("sample.id", ondelete="CASCADE"), primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), index=True)
    lease_until: Mapped[datetime]

    __table_args__ = (Index(None, "dataset_id", "lease_until"),)
