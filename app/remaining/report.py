"""The progress of the review and the remaining errors, computed from the decisions."""

from dataclasses import dataclass, replace
from datetime import datetime
from statistics import median

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.datasets.catalog import classes_of, count_samples, lock_out_decisions
from app.datasets.gold import is_gold
from app.datasets.models import Sample
from app.ranking.models import Prediction
from app.ranking.scoring import class_noise
from app.remaining.audits import AuditState, audit_states, last_decision, left_by_audits
from app.remaining.estimate import (
    PACE,
    Between,
    Point,
    Projection,
    SingleLook,
    budget_curve,
    hit_rate,
    pace,
    project,
)
from app.remaining.stopping import NONE, Reached, Rule, checked, judge
from app.review.corrections import IS_CORRECTION, Corrections, count_corrections
from app.review.fold import CHANGES
from app.review.models import Decision, OpenIssue, SampleReview, StoppingRule
from app.review.orders import ExpectedErrors, expected_errors, newest_order
from app.training.evaluation import Rate
from app.training.runs import current_ranking, get_run

WINDOWS = (50, 200)


@dataclass(frozen=True)
class CrossCheck:
    """Errors among undecided samples by the confident joint of the current ranking, as in cleanlab."""

    errors: float
    undecided: int
    judged: int  # of these, by a network that never learnt from them: what the count goes by
    run_id: int
    name: str  # of the run's model


@dataclass(frozen=True)
class ChosenRule:
    """The stopping rule, who chose it when, and how far the review is by it."""

    rule: Rule
    by: str
    at: datetime
    after_decision: int
    reviewed: int  # samples that were decided when it was chosen
    reached: Reached


@dataclass(frozen=True)
class Report:
    """How much is left to review in a data set, and how many errors remain."""

    samples: int
    reviewed: int
    corrections: Corrections
    looked_at: int  # cards that somebody looked at alone
    curve: tuple[Point, ...]
    hit_rates: tuple[tuple[int, Rate | None], ...]  # of the last so many cards of the worklist
    seconds_per_decision: float | None
    projection: Projection | None
    audits: tuple[AuditState, ...]
    left: Between | None  # errors that nobody has found, by the audits
    cross_check: CrossCheck | None
    rule: ChosenRule | None
    next_cards: ExpectedErrors | None  # as the worklist expects it; none before it has learnt
    open_issues: ExpectedErrors | None  # in the same way

    @property
    def found(self) -> int:
        """Errors found: labels that are corrected now."""
        return self.corrections.found


def report(session: Session, *, dataset_id: int) -> Report:
    """How the review goes, what more review would find, and how many errors remain."""
    cards, audits = _looks(session, dataset_id), audit_states(session, dataset_id=dataset_id)
    left = left_by_audits(session, audits, dataset_id=dataset_id)
    ranking = current_ranking(session, dataset_id=dataset_id)
    issues = (
        session.scalar(select(func.count()).where(OpenIssue.run_id == ranking.run_id)) or 0 if ranking else 0
    )
    order = newest_order(session, run_id=ranking.run_id) if ranking and ranking.order and issues else None
    return Report(
        samples=count_samples(session, dataset_id=dataset_id),
        reviewed=_count_reviewed(session, dataset_id),
        corrections=count_corrections(session, dataset_id=dataset_id),
        looked_at=len(cards),
        curve=_curve(session, dataset_id, cards),
        hit_rates=tuple((window, hit_rate(cards, last=window)) for window in WINDOWS),
        seconds_per_decision=pace(cards),
        projection=project(cards, left=issues),
        audits=tuple(audits),
        left=left,
        cross_check=_cross_check(session, dataset_id, ranking.run_id) if ranking else None,
        rule=_judged(session, _newest_rule(session, dataset_id), cards, left),
        next_cards=expected_errors(order),
        open_issues=expected_errors(order, of="left"),
    )


def seconds_of(session: Session, *, dataset_id: int, user_id: int) -> float | None:
    """Median seconds of a person's last decisions on single images; None before the first timed one."""
    times = session.scalars(
        select(Decision.milliseconds)
        .where(
            Decision.dataset_id == dataset_id,
            Decision.user_id == user_id,
            Decision.bulk_id.is_(None),
            Decision.milliseconds > 0,
        )
        .order_by(Decision.id.desc())
        .limit(PACE)
    ).all()
    return median(time for time in times if time) / 1000 if times else None


def chosen_rule(session: Session, *, dataset_id: int) -> ChosenRule | None:
    """The stopping rule and whether it is reached; none where nobody has chosen one."""
    rule = _newest_rule(session, dataset_id)
    if rule is None or rule.kind == NONE:
        return None
    if rule.kind == "left":
        states = audit_states(session, dataset_id=dataset_id)
        return _judged(session, rule, [], left_by_audits(session, states, dataset_id=dataset_id))
    return _judged(session, rule, _looks(session, dataset_id, after=rule.after_decision), None)


def choose_rule(session: Session, *, dataset_id: int, user_id: int, kind: str, amount: float) -> StoppingRule:
    """Choose when the review is to end; it counts from now on.

    The kind `none` withdraws the last one. Raises Invalid.
    """
    rule = checked(kind, amount)
    lock_out_decisions(session, dataset_id=dataset_id)  # decisions in progress come before it
    chosen = StoppingRule(
        dataset_id=dataset_id,
        kind=rule.kind,
        amount=rule.amount,
        user_id=user_id,
        after_decision=last_decision(session, dataset_id=dataset_id),
        reviewed=_count_reviewed(session, dataset_id),
    )
    session.add(chosen)
    session.flush()
    return chosen


def _newest_rule(session: Session, dataset_id: int) -> StoppingRule | None:
    query = (
        select(StoppingRule)
        .where(StoppingRule.dataset_id == dataset_id)
        .order_by(StoppingRule.id.desc())
        .limit(1)
    )
    return session.scalar(query)


def _judged(
    session: Session, chosen: StoppingRule | None, looks: list[SingleLook], left: Between | None
) -> ChosenRule | None:
    if chosen is None or chosen.kind == NONE:
        return None
    rule, since = (
        Rule(chosen.kind, chosen.amount),
        [look for look in looks if look.decision > chosen.after_decision],
    )
    return ChosenRule(
        rule=rule,
        by=session.get_one(User, chosen.user_id).name,
        at=chosen.created_at,
        after_decision=chosen.after_decision,
        reviewed=chosen.reviewed,
        reached=judge(rule, since, left=left, samples=count_samples(session, dataset_id=chosen.dataset_id)),
    )


def _looks(session: Session, dataset_id: int, *, after: int = 0) -> list[SingleLook]:
    """The cards decided one by one, in the order of the decisions; those of the gold part are random."""
    rows = session.connection().execute(
        select(
            SampleReview.decision_id,
            Decision.verdict,  # what was answered: a correction that waits for a second look is one
            Decision.milliseconds,
            (Decision.origin == "audit") | is_gold(SampleReview.sample_id),
        )
        .join(Decision, Decision.id == SampleReview.decision_id)
        .where(SampleReview.dataset_id == dataset_id, ~SampleReview.in_bulk, SampleReview.decision_id > after)
        .order_by(SampleReview.decision_id)
    )
    return [
        SingleLook(decision, verdict in CHANGES, milliseconds, bool(by_chance))
        for decision, verdict, milliseconds, by_chance in rows
    ]


def _curve(session: Session, dataset_id: int, cards: list[SingleLook]) -> tuple[Point, ...]:
    """The corrections that hold by the cards that were looked at alone, so that it ends at the errors found.

    Its list is not that of the hit rates, for which an error that waits for another look is one already.
    """
    rows = session.connection().execute(
        select(SampleReview.decision_id, SampleReview.in_bulk)
        .where(SampleReview.dataset_id == dataset_id, IS_CORRECTION)
        .order_by(SampleReview.decision_id)
    )
    alone: set[int] = set()
    in_bulk: list[int] = []
    for decision, is_bulk in rows:
        in_bulk.append(decision) if is_bulk else alone.add(decision)
    held = [replace(card, wrong=card.decision in alone) for card in cards]
    return budget_curve(held, in_bulk=in_bulk)


def _count_reviewed(session: Session, dataset_id: int) -> int:
    return session.scalar(select(func.count()).where(SampleReview.dataset_id == dataset_id)) or 0


def _cross_check(session: Session, dataset_id: int, run_id: int) -> CrossCheck | None:
    """Counted on undecided samples that the predicting network did not train on, and scaled to each class."""
    undecided = ~select(SampleReview.sample_id).where(SampleReview.sample_id == Sample.id).exists()
    by_class = dict(
        session.execute(
            select(Sample.given_now, func.count())
            .where(Sample.dataset_id == dataset_id, undecided)
            .group_by(Sample.given_now)
        ).all()
    )
    unseen = (Prediction.fold >= 0) | (Sample.split != "train")
    query = (
        select(Prediction.label, Prediction.probabilities)
        .join(Sample, Sample.id == Prediction.sample_id)
        .where(Prediction.run_id == run_id, undecided, unseen)
    )
    said = session.connection().execute(query).all()
    if not said:
        return None
    known = np.stack([probabilities for _, probabilities in said])
    place_now = classes_of(session, dataset_id=dataset_id).place_now
    places = np.array([place_now(position) for position in range(known.shape[1])])
    merged = np.zeros((len(said), 1 + places.max()), known.dtype)  # in the classes of now
    np.add.at(merged.T, places, known.T)
    table = np.log(np.maximum(merged, np.finfo(np.float32).tiny))
    noise = class_noise(table, places[[label for label, _ in said]])
    errors = sum(count * float(noise[label]) for label, count in by_class.items() if label < len(noise))
    return CrossCheck(
        errors=errors,
        undecided=sum(by_class.values()),
        judged=len(said),
        run_id=run_id,
        name=get_run(session, run_id=run_id).name,
    )
