"""The order of the worklist that is learnt from people's answers.

An order is a model (`app.ranking.learning`) that gives each label the probability that it is wrong. The
issues that are most probably wrong get places in front of all ranks; the others keep their rank in the run's
ranking.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from app.datasets.catalog import classes_of, lock_out_decisions
from app.datasets.gold import is_visible
from app.datasets.models import Sample
from app.ranking.models import Prediction
from app.review.log import not_undone
from app.review.models import Decision, OpenIssue, WorklistOrder
from app.training.models import Run

PLACES = 1000  # issues that an order puts in front: far more than people see before the next order
TEACHING = ("keep", "relabel", "delete")
SILENT = ("audit", "gold")  # audits measure how many errors are left, so no order may learn from them
_AT_ONCE = 500


def count_new_answers(session: Session, *, run_id: int) -> int:
    """Decisions on the run's data set since its newest order, undone ones and undos included."""
    dataset_id = session.get_one(Run, run_id).dataset_id
    known = session.scalar(select(func.max(WorklistOrder.decision_id)).where(WorklistOrder.run_id == run_id))
    new = select(func.count()).where(Decision.id > (known or 0), Decision.dataset_id == dataset_id)
    return session.scalar(new) or 0


def answers_to_learn(session: Session, *, run_id: int) -> list[tuple[int, float]]:
    """(sample, whether the label that the run ranked is wrong) of every person's standing answer.

    An adjudication is the last word, and the only one on its sample. Verdicts for many, audits, the gold part
    and what was undone are left out.
    """
    run = session.get_one(Run, run_id)
    rows = session.execute(
        select(
            Decision.sample_id,
            Decision.user_id,
            Decision.origin,
            Decision.verdict,
            Decision.label,
            Prediction.label.label("ranked"),
            Sample.given_now,
        )
        .join(Prediction, Prediction.sample_id == Decision.sample_id)
        .join(Sample, Sample.id == Decision.sample_id)
        .where(
            Prediction.run_id == run_id,
            Decision.dataset_id == run.dataset_id,
            Decision.bulk_id.is_(None),
            Decision.origin.not_in(SILENT),
            is_visible(Decision.sample_id),
            not_undone(),
        )
        .order_by(Decision.id)
    ).all()
    place_now = classes_of(session, dataset_id=run.dataset_id).place_now
    by_sample: dict[int, dict[int, float | None]] = defaultdict(dict)
    final: dict[int, float | None] = {}
    for row in rows:
        label = {"keep": row.given_now, "relabel": row.label}.get(row.verdict)
        said = None if label is None else place_now(label)
        wrong = float(said != place_now(row.ranked)) if row.verdict in TEACHING else None
        by_sample[row.sample_id][row.user_id] = wrong
        if row.origin == "adjudication":
            final[row.sample_id] = wrong
    heard = {sample_id: list(said.values()) for sample_id, said in by_sample.items()}
    heard |= {sample_id: [last] for sample_id, last in final.items()}
    return [(sample_id, wrong) for sample_id, said in heard.items() for wrong in said if wrong is not None]


def publish_order(
    session: Session,
    *,
    run_id: int,
    probabilities: Mapping[int, float],
    decision_id: int,
    answers: int,
    wrong: float,
    model: dict[str, Any],
    facts: dict[str, Any],
) -> WorklistOrder:
    """Put the open issues that are most probably wrong in front, and keep the order under the next number.

    `probabilities` are by sample; `decision_id` is the newest decision that they know.
    """
    dataset_id = session.get_one(Run, run_id).dataset_id
    lock_out_decisions(session, dataset_id=dataset_id, also_archived=True)
    query = select(OpenIssue.sample_id, OpenIssue.rank).where(OpenIssue.run_id == run_id)
    issues: dict[int, int] = dict(session.execute(query).all())
    known = [sample_id for sample_id in issues if sample_id in probabilities]
    first = sorted(known, key=lambda each: (-probabilities[each], each))[:PLACES]
    before = {sample_id for sample_id, rank in issues.items() if rank < 0}
    _move(session, run_id, first, before - set(first), probabilities)
    run = session.get_one(Run, run_id)
    run.orders += 1
    order = WorklistOrder(
        run_id=run_id,
        number=run.orders,
        decision_id=decision_id,
        answers=answers,
        wrong=wrong,
        model=model,
        facts=facts,
    )
    session.add(order)
    session.flush()
    return order


def _move(
    session: Session, run_id: int, first: Sequence[int], back: set[int], probabilities: Mapping[int, float]
) -> None:
    """Give the `first` samples the places from -len(first) to -1, and those that go `back` their rank."""
    moved = [*first, *sorted(back)]
    for start in range(0, len(moved), _AT_ONCE):
        some = moved[start : start + _AT_ONCE]
        session.execute(delete(OpenIssue).where(OpenIssue.run_id == run_id, OpenIssue.sample_id.in_(some)))
    ranks = _ranks(session, run_id, sorted(back))
    places = {sample_id: place - len(first) for place, sample_id in enumerate(first)} | ranks
    rows = [
        {
            "run_id": run_id,
            "rank": rank,
            "sample_id": sample_id,
            "error_probability": probabilities.get(sample_id),
        }
        for sample_id, rank in places.items()
    ]
    if rows:
        session.execute(insert(OpenIssue), rows)


def _ranks(session: Session, run_id: int, sample_ids: Sequence[int]) -> dict[int, int]:
    ranks: dict[int, int] = {}
    for start in range(0, len(sample_ids), _AT_ONCE):
        query = select(Prediction.sample_id, Prediction.rank).where(
            Prediction.run_id == run_id, Prediction.sample_id.in_(sample_ids[start : start + _AT_ONCE])
        )
        ranks |= dict(session.execute(query).all())
    return ranks


@dataclass(frozen=True)
class ExpectedErrors:
    """How many labels of some cards are wrong, as an order expects it: the number and a 95 % range."""

    cards: int
    wrong: float
    low: int
    high: int


def expected_errors(
    order: WorklistOrder | None, *, of: Literal["next", "left"] = "next"
) -> ExpectedErrors | None:
    """Of the next cards, or of all open issues, when the order was made; none without an order."""
    return ExpectedErrors(**order.facts[of]) if order and order.facts.get(of) else None


def newest_order(session: Session, *, run_id: int) -> WorklistOrder | None:
    """The order that the run's worklist has now; none: it is the ranking's."""
    query = select(WorklistOrder).where(WorklistOrder.run_id == run_id)
    return session.scalar(query.order_by(WorklistOrder.number.desc()).limit(1))
