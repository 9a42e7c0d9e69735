"""All decisions on a sample or data set, oldest first."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from app.accounts.models import User
from app.accounts.users import get_user
from app.datasets.catalog import class_names
from app.datasets.gold import get_gold_part
from app.datasets.models import Sample
from app.review.fold import UNDO
from app.review.models import BulkAction, Decision, SampleReview
from app.review.policy import is_visible_or_settled
from app.training.models import Run
from app.training.names import model_name


@dataclass(frozen=True)
class PastDecision:
    """One decision, and whether it was undone."""

    decision_id: int
    who: str
    verdict: str
    label: str | None  # that a relabel moves to
    at: datetime
    origin: str  # where it was given, as in `Decision`
    blind: bool
    one_of: int | None  # samples that got it at once; none: it was given to this one alone
    run_id: int | None  # whose ranking showed the sample, at this rank
    model: str  # of that run; empty: none
    rank: int | None
    milliseconds: int | None
    undone_at: datetime | None


@dataclass(frozen=True)
class LoggedDecision:
    """A line of a data set's log: a decision, or the undo of one."""

    decision: Decision
    path: str
    who: str
    label: str | None  # that a relabel moves to
    undone_by: int | None  # the line that undid it


def decisions_of(
    session: Session, *, dataset_id: int, annotator: str = "", after: int = 0, limit: int
) -> list[LoggedDecision]:
    """The log of a data set from a line on, oldest first, without unsettled images of the gold part.

    Raises NotFound for a name that nobody has.
    """
    names = class_names(session, dataset_id=dataset_id)
    undo = aliased(Decision)
    query = (
        select(Decision, Sample.path, User.name, undo.id)
        .join(Sample, Sample.id == Decision.sample_id)
        .join(User, User.id == Decision.user_id)
        .outerjoin(undo, undo.undoes_id == Decision.id)
        .where(Decision.dataset_id == dataset_id, Decision.id > after)
        .order_by(Decision.id)
        .limit(limit)
    )
    if get_gold_part(session, dataset_id=dataset_id) is not None:
        query = query.outerjoin(SampleReview, SampleReview.sample_id == Sample.id).where(
            is_visible_or_settled(Sample.id)
        )
    if annotator:
        query = query.where(Decision.user_id == get_user(session, name=annotator).id)
    return [
        LoggedDecision(
            decision, path, who, None if decision.label is None else names[decision.label], undone_by
        )
        for decision, path, who, undone_by in session.execute(query)
    ]


def history_of(session: Session, *, dataset_id: int, sample_id: int) -> tuple[PastDecision, ...]:
    """Every decision on a sample, in the order they were made."""
    names = class_names(session, dataset_id=dataset_id)
    undo = aliased(Decision)
    rows = session.execute(
        select(Decision, User.name, BulkAction.samples, undo.created_at, Run.number)
        .join(User, User.id == Decision.user_id)
        .outerjoin(BulkAction, BulkAction.id == Decision.bulk_id)
        .outerjoin(undo, undo.undoes_id == Decision.id)
        .outerjoin(Run, Run.id == Decision.run_id)
        .where(Decision.sample_id == sample_id, Decision.dataset_id == dataset_id, Decision.verdict != UNDO)
        .order_by(Decision.id)
    )
    return tuple(
        PastDecision(
            decision_id=decision.id,
            who=who,
            verdict=decision.verdict,
            label=None if decision.label is None else names[decision.label],
            at=decision.created_at,
            origin=decision.origin,
            blind=decision.blind,
            one_of=one_of,
            run_id=decision.run_id,
            model=model_name(number) if number else "",
            rank=decision.rank,
            milliseconds=decision.milliseconds,
            undone_at=undone_at,
        )
        for decision, who, one_of, undone_at, number in rows
    )
