"""Which run is the best, by the gold part or else by the hold-out, and what a run is worth on the gold part."""

from dataclasses import dataclass

import numpy as np
from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from app.datasets.gold import get_gold_part
from app.datasets.models import GoldMember
from app.ranking.evaluations import RunSummary, best_run, run_summaries
from app.ranking.models import Prediction
from app.review.gold import GoldLabels, gold_labels
from app.review.models import SampleReview
from app.review.policy import SETTLED
from app.training.evaluation import Rate, error_rate, rate
from app.training.runs import get_run

ENOUGH = 100  # settled images from which on the gold part says which run is the best


@dataclass(frozen=True)
class GoldEvaluation:
    """A run on the settled images of the gold part."""

    run_id: int
    digest: str
    settled: int
    deleted: int  # of these, no image of any class
    unpredicted: int  # settled as an image of a class, but deleted in the version that the run trained on
    error_rate: Rate | None  # against the blind labels, deleted images left out
    with_deleted: Rate | None  # the same, deleted images counted as wrong
    given: Rate | None  # the same images as in `error_rate` against their given labels
    knew: bool  # the gold part was drawn before the run was asked for


@dataclass(frozen=True)
class BestRun:
    """The best run and why it is that."""

    run: RunSummary
    by: str  # gold, hold-out, age
    rate: Rate | None  # by which it is the best
    words: str


def choose_best(session: Session, *, dataset_id: int) -> BestRun | None:
    """The finished run with the lowest error rate on the gold part, once enough of it is settled, or else on the hold-out.

    Deleted images are left out; of equals the newer one. None before a run has finished.
    """
    rates = gold_rates(session, dataset_id)
    finished = [run for run in run_summaries(session, dataset_id=dataset_id) if run.state == "finished"]
    measured = [(found, run) for run in finished if (found := rates.get(run.id)) and found.n >= ENOUGH]
    if measured:
        found, run = min(measured, key=lambda each: (each[0].value, -each[1].id))
        return BestRun(run, "gold", found, f"Best by the gold part: {_said(found)} settled images{_chosen_among(len(measured))}.")
    best = best_run(session, dataset_id=dataset_id)
    if best is None:
        return None
    if best.error_rate is None:
        return BestRun(best, "age", None, "The newest run: there is no hold-out to tell which is the best.")
    words = f"Best by the hold-out: {_said(best.error_rate)} images{_chosen_among(len(finished))}."
    return BestRun(best, "hold-out", best.error_rate, words)


def evaluate_on_gold(session: Session, *, run_id: int) -> GoldEvaluation | None:
    """The run on the settled images of the gold part; none before there are any, or before the run has finished. Raises NotFound."""
    run = get_run(session, run_id=run_id)
    gold = gold_labels(session, dataset_id=run.dataset_id)
    if gold is None or not gold.settled or run.state != "finished":
        return None
    predicted = _predicted(session, run_id, gold)
    deleted = gold.labels < 0
    kept = ~deleted & (predicted >= 0)
    found = error_rate(gold.labels[kept], predicted[kept])
    gone = int(deleted.sum())
    return GoldEvaluation(
        run_id=run_id, digest=gold.digest, settled=gold.settled, deleted=gone, unpredicted=int((~deleted & (predicted < 0)).sum()),
        error_rate=found, with_deleted=rate((found.wrong if found else 0) + gone, (found.n if found else 0) + gone),
        given=error_rate(gold.given[kept], predicted[kept]), knew=run.facts.get("gold") == gold.digest,
    )  # fmt: skip


def _predicted(session: Session, run_id: int, gold: GoldLabels) -> np.ndarray:
    """What the run says of each settled image (n,), -1 where its version had not got it."""
    query = (
        select(Prediction.sample_id, Prediction.predicted_label)
        .join(GoldMember, GoldMember.sample_id == Prediction.sample_id)
        .where(Prediction.run_id == run_id)
    )
    said = dict(session.execute(query).all())
    return np.array([said.get(int(sample_id), -1) for sample_id in gold.sample_ids], dtype=np.int64)


def gold_rates(session: Session, dataset_id: int) -> dict[int, Rate | None]:
    """By run, how often it differs from the blind labels of the settled images that are of a class."""
    if get_gold_part(session, dataset_id=dataset_id) is None:
        return {}
    wrong = func.sum(case((Prediction.predicted_label != SampleReview.label, 1), else_=0))
    rows = session.execute(
        select(Prediction.run_id, func.count(), wrong)
        .join(GoldMember, GoldMember.sample_id == Prediction.sample_id)
        .join(SampleReview, SampleReview.sample_id == Prediction.sample_id)
        .where(GoldMember.dataset_id == dataset_id, SETTLED, SampleReview.label.is_not(None))
        .group_by(Prediction.run_id)
    )
    return {run_id: found for run_id, n, count in rows if (found := rate(int(count), n)) is not None}


def _said(found: Rate) -> str:
    return f"{100 * found.value:.1f} % wrong of {found.n:,}"


def _chosen_among(runs: int) -> str:
    """A figure that chose the best of several is a little flattered."""
    return f"; chosen among {runs} runs on the same images that the figure is counted on" if runs > 1 else ""
