"""Corrections: the one count of errors found that every page, REST and the shell show.

A correction is a sample whose label, as it stands, is relabelled or deleted. It is counted once, whoever
answered and however often, alone or in bulk, in the gold part too. A sample that waits for another look keeps
its given label, so what people said of it is counted apart, as waiting.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, exists, func, literal, or_, select
from sqlalchemy.orm import Session

from app.datasets.gold import is_visible
from app.review.fold import CHANGES
from app.review.log import is_answer
from app.review.models import Decision, SampleReview
from app.review.policy import WAITS

IS_CORRECTION = SampleReview.verdict.in_(CHANGES)  # of a row of `SampleReview`


@dataclass(frozen=True)
class Corrections:
    """Counts of samples."""

    relabelled: int = 0
    deleted: int = 0
    waiting: int = 0  # somebody would correct them, but they wait for another look, at the given label

    @property
    def found(self) -> int:
        """Errors found: labels that are corrected now."""
        return self.relabelled + self.deleted

    @property
    def waiting_words(self) -> str:
        """What waits, as a sentence; empty where nothing does."""
        if not self.waiting:
            return ""
        if self.waiting == 1:
            return "1 more correction waits for another look: until then its image keeps the given label."
        return (
            f"{self.waiting:,} more corrections wait for another look: until then their images keep the "
            "given labels."
        )

    @property
    def words(self) -> str:
        """All of it in sentences, for the shell."""
        errors = f"{self.found:,} error{'' if self.found == 1 else 's'} found"
        sentence = f"{errors}: {self.relabelled:,} relabelled, {self.deleted:,} deleted."
        return f"{sentence} {self.waiting_words}".strip()


def count_corrections(session: Session, *, dataset_id: int) -> Corrections:
    """The corrections of a data set."""
    return corrections_by_period(session, dataset_id=dataset_id, ends=())[0]


def corrections_by_period(
    session: Session, *, dataset_id: int, ends: Sequence[datetime]
) -> tuple[Corrections, ...]:
    """The counts by period: before the first of `ends`, between each end and the next, and after the last.

    A sample is in the period of the decision that counts, or of its last one while it waits. So the sum over
    the periods is the count of the whole data set.
    """
    moment = SampleReview.decided_at
    period: ColumnElement[int] = literal(0)
    if ends:
        period = case(*((moment < end, i) for i, end in enumerate(ends)), else_=len(ends))
    kind = case((and_(WAITS, _would_be_corrected()), "waiting"), else_=SampleReview.verdict)
    rows = (
        select(period.label("period"), kind.label("kind"))
        .where(SampleReview.dataset_id == dataset_id, or_(IS_CORRECTION, WAITS))
        .subquery()
    )
    counts = {
        (at, what): n
        for at, what, n in session.execute(
            select(rows.c.period, rows.c.kind, func.count()).group_by(rows.c.period, rows.c.kind)
        )
    }
    return tuple(
        Corrections(*(counts.get((at, what), 0) for what in ("relabel", "delete", "waiting")))
        for at in range(len(ends) + 1)
    )


def _would_be_corrected() -> ColumnElement[bool]:
    """Whether an answer to a sample that waits is a correction, by the rules of `fold`.

    Of each annotator the last answer counts; a look at this one sample outweighs what was said in bulk, of
    which the last counts.
    """
    answer, other = _standing("answer"), _standing("other")
    both_alone = and_(other.bulk_id.is_(None), answer.bulk_id.is_(None), other.user_id == answer.user_id)
    both_in_bulk = and_(other.bulk_id.is_not(None), answer.bulk_id.is_not(None))
    outweighs = or_(
        and_(other.bulk_id.is_(None), answer.bulk_id.is_not(None)),
        and_(other.id > answer.id, or_(both_alone, both_in_bulk)),
    )
    return exists().where(
        answer.sample_id == SampleReview.sample_id,
        answer.verdict.in_(CHANGES),
        ~exists().where(other.sample_id == answer.sample_id, outweighs),
    )


def _standing(name: str) -> Any:
    """The columns of the decisions that count on samples that wait: in the gold part only blind looks."""
    is_blind_look = and_(Decision.blind, Decision.origin != "adjudication")
    columns = (Decision.id, Decision.sample_id, Decision.user_id, Decision.verdict, Decision.bulk_id)
    counted = select(*columns).where(is_answer(), or_(is_blind_look, is_visible(Decision.sample_id)))
    return counted.subquery(name).c
