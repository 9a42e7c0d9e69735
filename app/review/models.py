"""Tables of what people decided.

`Decision` is the truth, append-only; `SampleReview` is its fold, `OpenIssue` what is left.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ForeignKey, Index, UniqueConstraint, and_, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.types import Base, now


def _index_where(condition: str, *columns: str, unique: bool = False) -> Index:
    """Of some rows only, so that every key press does not write an entry that nobody looks for."""
    return Index(
        None, *columns, unique=unique, sqlite_where=text(condition), postgresql_where=text(condition)
    )


class Decision(Base):
    """One answer of one annotator, or an undo. Rows are only added."""

    __tablename__ = "decision"

    id: Mapped[int] = mapped_column(primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"))
    sample_id: Mapped[int] = mapped_column(ForeignKey("sample.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    verdict: Mapped[str]  # keep, relabel, delete, unsure; undo
    label: Mapped[int | None]  # the class a relabel moves to
    undoes_id: Mapped[int | None] = mapped_column(ForeignKey("decision.id"))
    run_id: Mapped[int | None] = mapped_column(
        ForeignKey("run.id", ondelete="SET NULL")
    )  # the ranking that showed it
    rank: Mapped[int | None]
    client_id: Mapped[str]  # the client's own id: the same request twice is one decision
    milliseconds: Mapped[int | None]  # from shown to decided
    created_at: Mapped[datetime] = mapped_column(default=now)
    # where it was given: deck, audit, gold, sample, grid, duplicates, adjudication, api, file
    origin: Mapped[str] = mapped_column(default="deck", server_default="deck")
    blind: Mapped[bool] = mapped_column(
        default=False, server_default="0"
    )  # given without seeing label, prediction or other answers
    bulk_id: Mapped[int | None] = mapped_column(
        ForeignKey("bulk_action.id")
    )  # given to many samples at once: weaker evidence
    moved_from: Mapped[int | None]  # written by a merge: this class became `label`, in earlier answers too

    __table_args__ = (
        UniqueConstraint("user_id", "client_id"),
        Index(None, "sample_id"),
        _index_where("bulk_id IS NOT NULL", "bulk_id"),
        _index_where("undoes_id IS NOT NULL", "undoes_id", unique=True),
        Index(None, "dataset_id", "user_id", "bulk_id", "id"),  # one's own last ones
    )


class BulkAction(Base):
    """One verdict for many samples at once, or an undo of such an action. Rows are only added."""

    __tablename__ = "bulk_action"

    id: Mapped[int] = mapped_column(primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    # keep, relabel, accept (relabel each to its prediction), delete, merge, labels (from a file); undo
    verdict: Mapped[str]
    label: Mapped[int | None]  # the class a relabel moves to
    undoes_id: Mapped[int | None] = mapped_column(ForeignKey("bulk_action.id"), unique=True)
    samples: Mapped[int]  # how many decisions it wrote
    left_alone: Mapped[int] = mapped_column(default=0, server_default="0")  # samples that got none
    asked: Mapped[
        str | None
    ]  # a digest of the samples or filter and of their expected number; none in old rows
    selection: Mapped[str]  # the grid's filter that was looked at, as a query string
    client_id: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (UniqueConstraint("user_id", "client_id"), Index(None, "dataset_id", "user_id", "id"))


class ReviewPolicy(Base):
    """Who looks a second time, and at what (`fold.Policy`); a data set without a row asks one annotator."""

    __tablename__ = "review_policy"

    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"), primary_key=True)
    annotators: Mapped[int]  # 1 to 5
    which: Mapped[str]  # unsure, changes, share, all
    share: Mapped[float]
    who: Mapped[str]  # anyone, admins


class SampleReview(Base):
    """The state of a sample by its decisions; only samples with a decision that counts have a row."""

    __tablename__ = "sample_review"

    sample_id: Mapped[int] = mapped_column(ForeignKey("sample.id", ondelete="CASCADE"), primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"))
    verdict: Mapped[str]
    label: Mapped[int | None]  # the cleaned label; None: deleted
    decision_id: Mapped[int] = mapped_column(ForeignKey("decision.id"))
    user_id: Mapped[int] = mapped_column(
        ForeignKey("user_account.id")
    )  # whose decision counts; who gave the last one while it waits
    reviews: Mapped[int]  # annotators with a decision that stands
    decided_at: Mapped[datetime]
    waits: Mapped[str] = mapped_column(
        default="", server_default=""
    )  # for: second (opinion), adjudication; nothing: it is settled
    in_bulk: Mapped[bool] = mapped_column(default=False, server_default="0")  # nobody looked at it alone

    __table_args__ = (
        _index_where("waits > ''", "dataset_id", "waits"),
        Index(
            None, "dataset_id", "verdict", "user_id", "in_bulk"
        ),  # counts of what was found, by whom and how
        Index(None, "dataset_id", "in_bulk", "decision_id"),  # the last decisions that stand
    )


class OpenIssue(Base):
    """A label issue of a run that nobody has decided on."""

    __tablename__ = "open_issue"

    run_id: Mapped[int] = mapped_column(ForeignKey("run.id", ondelete="CASCADE"), primary_key=True)
    # of the prediction; below 0: a place that was learnt, in front of all ranks
    rank: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sample_id: Mapped[int] = mapped_column(ForeignKey("sample.id", ondelete="CASCADE"))
    # by the newest order that has placed it; none: that of the prediction counts
    error_probability: Mapped[float | None]

    __table_args__ = (Index(None, "sample_id", "run_id"), {"sqlite_with_rowid": False})

    @classmethod
    def of(cls, sample_id: Any, run_id: Any) -> ColumnElement[bool]:
        """That it is the issue of this sample; for joins and subqueries.

        The sum keeps SQLite's planner from walking through all issues of the run in search of one, which
        takes minutes for all of 35,000 samples.
        """
        return and_(cls.sample_id == sample_id, cls.run_id + 0 == run_id)


class WorklistOrder(Base):
    """One order of the worklist that was learnt from people's answers.

    With its model and the predictions of the run the whole order can be made again.
    """

    __tablename__ = "worklist_order"

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id", ondelete="CASCADE"))  # whose worklist it orders
    number: Mapped[int]  # from 1, by run
    decision_id: Mapped[int]  # the newest decision that it knows
    answers: Mapped[int]  # samples with an answer that it learnt from
    wrong: Mapped[float]  # how many of their labels were wrong
    model: Mapped[dict[str, Any]]  # of `app.ranking.learning`
    facts: Mapped[dict[str, Any]]  # its opinions, the forecast, and which evidence counts most
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (UniqueConstraint("run_id", "number"),)


class Claim(Base):
    """A card that an annotator holds until the lease ends."""

    __tablename__ = "claim"

    sample_id: Mapped[int] = mapped_column(ForeignKey("sample.id", ondelete="CASCADE"), primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), index=True)
    lease_until: Mapped[datetime]


class Audit(Base):
    """A random draw from the samples that nobody had decided when it began, its size fixed then.

    Rows are only ever added.
    """

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"))
    number: Mapped[int]  # 1 for the data set's first
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    after_decision: Mapped[int]  # the last decision before it; 0: none
    population: Mapped[int]  # samples without a decision that stood then
    size: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (UniqueConstraint("dataset_id", "number"),)


class AuditSample(Base):
    """One of the samples that an audit drew."""

    __tablename__ = "audit_sample"

    audit_id: Mapped[int] = mapped_column(ForeignKey("audit.id", ondelete="CASCADE"), primary_key=True)
    sample_id: Mapped[int] = mapped_column(ForeignKey("sample.id", ondelete="CASCADE"), primary_key=True)

    __table_args__ = (Index(None, "sample_id"),)


class StoppingRule(Base):
    """When the review is to end, chosen beforehand.

    The newest row of a data set counts; rows are only ever added.
    """

    __tablename__ = "stopping_rule"

    id: Mapped[int] = mapped_column(primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"))
    kind: Mapped[str]  # cards, minutes, keeps, hit_rate, left; none: withdrawn
    amount: Mapped[float]  # of the kind; a share as 0…1
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    after_decision: Mapped[int]  # the last decision before it was chosen; 0: none
    reviewed: Mapped[int]  # samples with a decision that stood then
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (Index(None, "dataset_id", "id"),)
