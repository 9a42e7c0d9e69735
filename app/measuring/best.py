"""The best run, by the gold part or else by the hold-out, and the evaluation of runs on the gold part."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import and_, case, func, select
from sqlalchemy.orm import Session

from app.datasets.coverage import listed
from app.datasets.gold import get_gold_part
from app.datasets.models import GoldMember
from app.datasets.versions import DELETED
from app.measuring.evaluations import RunSummary, best_of, evaluate_run, run_summaries
from app.measuring.hold_out import UNKNOWN
from app.ranking.models import Prediction
from app.review.gold import GoldLabels, GoldStanding, gold_labels, gold_standing
from app.review.models import SampleReview
from app.review.policy import SETTLED
from app.training.evaluation import Rate, rate
from app.training.runs import get_run, list_runs

ENOUGH = 100  # images with a class that a settled gold part needs to choose the best run


@dataclass(frozen=True)
class GoldEvaluation:
    """A run on the settled images of the gold part."""

    run_id: int
    name: str  # of its model
    digest: str
    settled: int
    deleted: int  # of these, no image of any class
    untrained: int  # settled as a class that the run had no training images of: left out of the rates
    unpredicted: int  # settled as an image of a class, but deleted in the version that the run trained on
    error_rate: Rate | None  # against the blind labels, deleted images left out
    with_deleted: Rate | None  # the same, deleted images counted as wrong
    given: Rate | None  # the same images as in `error_rate` against their given labels
    knew: bool  # the gold part was drawn before the run was asked for


@dataclass(frozen=True)
class BestRun:
    """The best run and the reason."""

    run: RunSummary
    by: str  # gold, hold-out, age
    rate: Rate | None  # by which it is the best
    words: str
    learnt_rate: Rate | None = (
        None  # on the hold-out by the labels it learnt, classes it had no images of left out
    )


def choose_best(
    session: Session, *, dataset_id: int, runs: Sequence[RunSummary] | None = None
) -> BestRun | None:
    """The finished training with the lowest error on the gold part, once it is settled, else on the hold-out.

    The images on which people disagree are settled last, so before that the measured error is too low.
    Deleted images are left out; of equal runs the newer one is chosen. None before a run has finished.
    `runs` are all runs, where the caller has read them.
    """
    rates = gold_rates(session, dataset_id)
    standing = gold_standing(session, dataset_id=dataset_id)
    if runs is None:
        runs = run_summaries(session, dataset_id=dataset_id)
    finished = [run for run in runs if run.is_finished_training]
    measured = [(found, run) for run in finished if (found := rates.get(run.id)) and found.n >= ENOUGH]
    if measured and standing and standing.settled == standing.size:
        found, run = min(measured, key=lambda each: (each[0].value, -each[1].id))
        words = f"Best by the checked test set: {_said(found)} agreed images{_chosen_among(len(measured))}."
        if run.untrained and (of_gold := evaluate_on_gold(session, run_id=run.id)) and of_gold.untrained:
            words += _left_out(run, of_gold.untrained, "agreed")
        return BestRun(run, "gold", found, words)
    best = best_of(finished)
    if best is None:
        return None
    if best.newest_error_rate is None:
        return BestRun(best, "age", None, "The newest model: no images are held out to tell the best.")
    own = best.error_rate
    learnt = best.rate_to_choose_by
    if best.untrained:
        own = evaluate_run(session, run_id=best.id).without_untrained
    if learnt is None:
        said = f"{listed(best.untrained)}: no training images, and no hold-out image is of another class."
        return BestRun(best, "hold-out", None, f"Best by the hold-out, without a figure. {said}")
    by = f"{_said(learnt)} images by the labels of version {best.newest_version}, the newest version"
    if best.version != best.newest_version:
        by += f" ({best.name} learnt those of version {best.version})"
    words = f"Best by the hold-out: {by}{_chosen_among(len(finished))}.{_why_not_gold(standing)}"
    if left_out := best.newest_error_rate.n - learnt.n:
        words += _left_out(best, left_out, "hold-out")
    return BestRun(best, "hold-out", learnt, words, own)


def evaluate_on_gold(session: Session, *, run_id: int) -> GoldEvaluation | None:
    """The run on the settled images of the gold part; None without such images or for an unfinished run.

    Raises NotFound.
    """
    run = get_run(session, run_id=run_id)
    gold = gold_labels(session, dataset_id=run.dataset_id)
    if gold is None or not gold.settled or run.state != "finished":
        return None
    predicted, still_open = _predicted(session, run_id, gold)
    deleted = gold.labels == DELETED
    no_class_of_it = np.isin(gold.labels, run.facts.get("untrained", ()))
    kept = ~deleted & (predicted != UNKNOWN) & ~no_class_of_it
    n, gone = int(kept.sum()), int(deleted.sum())
    wrong, given = (int((labels != predicted)[kept].sum()) for labels in (gold.labels, gold.given))
    return GoldEvaluation(
        run_id=run_id,
        name=run.name,
        digest=gold.digest,
        settled=gold.settled,
        deleted=gone,
        untrained=int((no_class_of_it & (predicted != UNKNOWN)).sum()),
        unpredicted=int((~deleted & (predicted == UNKNOWN)).sum()),
        error_rate=rate(wrong, n, still_open=still_open),
        with_deleted=rate(wrong + gone, n + gone, still_open=still_open),
        given=rate(given, n, still_open=still_open),
        knew=run.facts.get("gold") == gold.digest,
    )


def _predicted(session: Session, run_id: int, gold: GoldLabels) -> tuple[np.ndarray, int]:
    """The prediction for each settled image (n,), UNKNOWN if it has none; and the number of open ones."""
    query = (
        select(Prediction.sample_id, Prediction.predicted_label)
        .join(GoldMember, GoldMember.sample_id == Prediction.sample_id)
        .where(Prediction.run_id == run_id)
    )
    said = dict(session.execute(query).all())
    settled = np.array([said.pop(int(sample_id), UNKNOWN) for sample_id in gold.sample_ids], dtype=np.int64)
    return settled, len(said)


def gold_rates(session: Session, dataset_id: int) -> dict[int, Rate | None]:
    """By run, how often it differs from the blind labels of the settled images that are of a class."""
    if get_gold_part(session, dataset_id=dataset_id) is None:
        return {}
    labelled = and_(SETTLED, SampleReview.label.is_not(None))
    counted = (
        func.count(case((labelled, 1))),
        func.count(case((and_(labelled, Prediction.predicted_label != SampleReview.label), 1))),
        func.count(case((SETTLED, 1))),
    )
    rows = session.execute(
        select(Prediction.run_id, SampleReview.label, func.count(), *counted)
        .join(GoldMember, GoldMember.sample_id == Prediction.sample_id)
        .outerjoin(SampleReview, SampleReview.sample_id == Prediction.sample_id)
        .where(GoldMember.dataset_id == dataset_id)
        .group_by(Prediction.run_id, SampleReview.label)
    )
    untrained = {run.id: run.facts.get("untrained", ()) for run in list_runs(session, dataset_id=dataset_id)}
    totals: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for run_id, label, members, n, wrong, settled in rows:
        totals[run_id]["open"] += members - settled
        if label not in untrained[run_id]:
            totals[run_id] += Counter(n=n, wrong=wrong)
    found = {run_id: rate(of["wrong"], of["n"], still_open=of["open"]) for run_id, of in totals.items()}
    return {run_id: each for run_id, each in found.items() if each is not None}


def _left_out(run: RunSummary, images: int, kind: str) -> str:
    are = f"{images:,} {kind} image{' is' if images == 1 else 's are'}"
    return f" {listed(run.untrained)}: no training images, so {are} left out of it."


def _why_not_gold(standing: GoldStanding | None) -> str:
    """Why the gold part, where there is one, does not choose."""
    if standing is None:
        return ""
    if (of_a_class := standing.size - standing.deleted) < ENOUGH:
        return f" The checked test set has {of_a_class:,} images; from {ENOUGH} on it decides."
    if open_ones := standing.size - standing.settled:
        of_all = f"{open_ones:,} of {standing.size:,}"
        return f" By the checked test set once all its images are agreed: {of_all} are not."
    return ""


def _said(found: Rate) -> str:
    return f"{100 * found.value:.1f} % wrong of {found.n:,}"


def _chosen_among(runs: int) -> str:
    """A note that the error of the best of several runs is measured slightly too low."""
    said = f"; chosen among {runs} models on the same images that the figure is counted on"
    return said if runs > 1 else ""
