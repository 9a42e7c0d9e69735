"""Audits: random draws from the undecided samples, and the estimate of the remaining errors.

An audit's size and its samples are fixed when it begins: they are drawn from all samples without a decision
that stands, all equally likely, by the system's source of randomness. So no audit depends on another one, on
the files or on the order of the review. The drawn samples get the first keys of the random order, so the
queue in that order offers them first. An audit is done when all of them are decided, in any way. It estimates
the errors among the samples that were undecided when it began.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, case, exists, func, insert, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.accounts.models import User
from app.datasets.catalog import count_samples, lock_out_decisions
from app.datasets.gold import gold_ids, visible_samples
from app.datasets.models import Sample, draw_key
from app.deck.queues import Queue, offered
from app.errors import Conflict, Invalid
from app.remaining.estimate import Audited, Between, errors_in, errors_left, spent
from app.review.corrections import IS_CORRECTION
from app.review.log import is_answer
from app.review.models import Audit, AuditSample, Decision, SampleReview

USUAL_SIZE = 300
LEAST, MOST = 20, 5_000
_IS_UNCLEAR = SampleReview.verdict == "unsure"


@dataclass(frozen=True)
class AuditState:
    """An audit, how far it is and, once it is done, what it says."""

    number: int
    by: str
    at: datetime
    after_decision: int
    population: int
    size: int
    decided: int  # of the drawn ones
    wrong: int
    unclear: int
    found: int  # errors known by now in the population
    errors: Between | None  # in the population when it began; none before it is done

    @property
    def is_done(self) -> bool:
        """Whether every drawn sample is decided."""
        return self.decided == self.size


def start_audit(session: Session, *, dataset_id: int, user_id: int, size: int = USUAL_SIZE) -> Audit:
    """Draw samples for an audit; of fewer undecided ones, all.

    Raises Invalid, Conflict while another one is not done.
    """
    if not LEAST <= size <= MOST:
        raise Invalid(f"A look at random images draws {LEAST} to {MOST:,} images.")
    # what is undecided is the same for all that follows
    lock_out_decisions(session, dataset_id=dataset_id)
    before = audit_states(session, dataset_id=dataset_id)
    if before and not before[-1].is_done:
        raise Conflict(
            f"The look at random images is not done: {before[-1].size - before[-1].decided:,} of its "
            "images are left; finish it first."
        )
    undecided = offered(session, dataset_id=dataset_id, queue=Queue(order="random"))
    everything = list(session.scalars(undecided.order_by(None)))
    population = len(everything)
    if not population:
        raise Conflict("Every image is decided, so there is nothing left to draw from.")
    audit = Audit(
        dataset_id=dataset_id,
        number=len(before) + 1,
        user_id=user_id,
        population=population,
        size=min(size, population),
        after_decision=last_decision(session, dataset_id=dataset_id),
    )
    session.add(audit)
    session.flush()
    drawn = secrets.SystemRandom().sample(everything, audit.size)
    session.execute(
        insert(AuditSample), [{"audit_id": audit.id, "sample_id": sample_id} for sample_id in drawn]
    )
    session.execute(update(Sample), [{"id": sample_id, "random_key": ~draw_key()} for sample_id in drawn])
    return audit


def audit_states(session: Session, *, dataset_id: int) -> list[AuditState]:
    """Every audit, the first one first."""
    rows = session.execute(
        select(
            Audit,
            User.name,
            func.count(SampleReview.sample_id),
            func.count(case((IS_CORRECTION, 1))),
            func.count(case((_IS_UNCLEAR, 1))),
        )
        .join(User, User.id == Audit.user_id)
        .join(AuditSample, AuditSample.audit_id == Audit.id)
        .outerjoin(SampleReview, SampleReview.sample_id == AuditSample.sample_id)
        .where(Audit.dataset_id == dataset_id)
        .group_by(Audit.id, User.name)
        .order_by(Audit.number)
    )
    return [_state(session, *row) for row in rows.all()]


def left_by_audits(session: Session, states: list[AuditState], *, dataset_id: int) -> Between | None:
    """How many errors remain, by the finished audits; None without one."""
    done = [audited(state) for state in states if state.is_done]
    return errors_left(done, undecided=_without_verdict(session, dataset_id)) if done else None


def audited(state: AuditState) -> Audited:
    """The facts of a finished audit for the estimate."""
    return Audited(state.number, state.population, state.size, state.wrong, state.unclear, state.found)


def last_decision(session: Session, *, dataset_id: int) -> int:
    """The newest entry of the data set's log; 0 for none."""
    return session.scalar(select(func.max(Decision.id)).where(Decision.dataset_id == dataset_id)) or 0


def _state(session: Session, audit: Audit, by: str, decided: int, wrong: int, unclear: int) -> AuditState:
    done = decided == audit.size
    errors = (
        errors_in(audit.population, drawn=audit.size, wrong=wrong, unclear=unclear, alpha=spent(audit.number))
        if done
        else None
    )
    found = _found_since(session, audit)
    return AuditState(
        number=audit.number,
        by=by,
        at=audit.created_at,
        after_decision=audit.after_decision,
        population=audit.population,
        size=audit.size,
        decided=decided,
        wrong=wrong,
        unclear=unclear,
        found=found,
        errors=errors,
    )


def _found_since(session: Session, audit: Audit) -> int:
    """Errors known now among the samples that had no decision when the audit began."""
    query = visible_samples(func.count(), key=SampleReview.sample_id)
    return (
        session.scalar(
            query.where(
                SampleReview.dataset_id == audit.dataset_id,
                IS_CORRECTION,
                ~_was_decided(SampleReview.sample_id, audit.after_decision),
            )
        )
        or 0
    )


def _was_decided(sample_id: InstrumentedAttribute[int], after: int) -> ColumnElement[bool]:
    """Whether a decision stood on a sample when `after` was the newest entry of the log."""
    return exists().where(
        Decision.sample_id == sample_id, Decision.id <= after, is_answer(after_decision=after)
    )


def _without_verdict(session: Session, dataset_id: int) -> int:
    """Samples without a clear verdict; those of the gold part, which no audit draws from, aside."""
    clear = visible_samples(func.count(), key=SampleReview.sample_id).where(
        SampleReview.dataset_id == dataset_id, ~_IS_UNCLEAR
    )
    gold = len(gold_ids(session, dataset_id=dataset_id))
    return count_samples(session, dataset_id=dataset_id) - gold - (session.scalar(clear) or 0)
