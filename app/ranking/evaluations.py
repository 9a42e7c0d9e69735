"""What stored predictions say of a run on the hold-out (the validation part, which never trains)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, and_, case, func, select
from sqlalchemy.orm import Session

from app.datasets.catalog import class_names
from app.datasets.models import DatasetVersion, Sample, VersionLabel
from app.ranking.models import Prediction
from app.training.evaluation import ClassReport, Confusion, Rate, class_reports, confusion_matrix, error_rate, most_confused, rate
from app.training.models import Run
from app.training.runs import get_run, list_runs

HOLD_OUT = "valid"


@dataclass(frozen=True)
class RunSummary:
    """One line of the list of runs."""

    id: int
    state: str
    recipe: str
    version: int
    parent_id: int | None
    seed: int
    weights: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    note: str
    error_rate: Rate | None  # on the hold-out, against the newest version's labels


@dataclass(frozen=True)
class Evaluation:
    """One run on the hold-out against one set of labels."""

    error_rate: Rate | None
    class_names: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]  # rows labels, columns predictions
    per_class: tuple[ClassReport, ...]
    most_confused: tuple[Confusion, ...]


@dataclass(frozen=True)
class Comparison:
    """Two runs on the same hold-out samples: each against the given labels and against the cleaned ones."""

    old_id: int
    new_id: int
    cleaned_version: int
    samples: int  # hold-out samples that both runs predicted
    relabelled: int  # of those
    left_out: int  # hold-out samples that only one of the runs predicted: deleted in between
    old_given: Evaluation
    old_cleaned: Evaluation
    new_given: Evaluation
    new_cleaned: Evaluation
    changed_predictions: int


@dataclass(frozen=True)
class _HoldOut:
    ids: NDArray[np.int64]
    given: NDArray[np.int64]
    cleaned: NDArray[np.int64]  # -1: deleted
    predicted: NDArray[np.int64]


def evaluate_run(session: Session, *, run_id: int, cleaned_by: int | None = None) -> Evaluation:
    """The run against the labels of the version it trained on, or of the version with the id `cleaned_by`."""
    run = get_run(session, run_id=run_id)
    held = _hold_out(session, run, version_id=cleaned_by or run.version_id)
    kept = held.cleaned >= 0
    return _evaluation(held.cleaned[kept], held.predicted[kept], class_names(session, dataset_id=run.dataset_id))


def compare_runs(session: Session, *, old_id: int, new_id: int) -> Comparison:
    """Before and after, on the same samples and with both kinds of labels; the cleaned ones are the new run's version."""
    old, new = get_run(session, run_id=old_id), get_run(session, run_id=new_id)
    names = class_names(session, dataset_id=new.dataset_id)
    before, after = (_hold_out(session, run, version_id=new.version_id) for run in (old, new))
    both, in_before, in_after = np.intersect1d(before.ids, after.ids, return_indices=True)
    given, cleaned = after.given[in_after], after.cleaned[in_after]
    kept = cleaned >= 0
    given, cleaned = given[kept], cleaned[kept]
    was, is_ = before.predicted[in_before][kept], after.predicted[in_after][kept]
    return Comparison(
        old_id=old_id,
        new_id=new_id,
        cleaned_version=_number(session, new.version_id),
        samples=int(kept.sum()),
        relabelled=int((given != cleaned).sum()),
        left_out=len(before.ids) + len(after.ids) - 2 * len(both) + int((~kept).sum()),
        old_given=_evaluation(given, was, names),
        old_cleaned=_evaluation(cleaned, was, names),
        new_given=_evaluation(given, is_, names),
        new_cleaned=_evaluation(cleaned, is_, names),
        changed_predictions=int((was != is_).sum()),
    )


def run_summaries(session: Session, *, dataset_id: int) -> list[RunSummary]:
    """Every run with its error rate against the newest version's labels, the newest run first."""
    newest = session.scalar(
        select(DatasetVersion.id).where(DatasetVersion.dataset_id == dataset_id).order_by(DatasetVersion.number.desc()).limit(1)
    )
    if newest is None:
        return []
    label = _label_in_version()
    counts = {
        run_id: rate(int(wrong or 0), n)
        for run_id, n, wrong in session.execute(
            select(Prediction.run_id, func.count(), func.sum(case((Prediction.predicted_label != label, 1), else_=0)))
            .join(Sample, Sample.id == Prediction.sample_id)
            .outerjoin(VersionLabel, and_(VersionLabel.sample_id == Sample.id, VersionLabel.version_id == newest))
            .where(Sample.dataset_id == dataset_id, Sample.split == HOLD_OUT, label.is_not(None))
            .group_by(Prediction.run_id)
        )
    }
    numbers = dict(session.execute(select(DatasetVersion.id, DatasetVersion.number).where(DatasetVersion.dataset_id == dataset_id)).all())
    return [
        RunSummary(
            id=run.id,
            state=run.state,
            recipe=run.recipe["name"],
            version=numbers[run.version_id],
            parent_id=run.parent_id,
            seed=run.seed,
            weights=run.weights,
            created_at=run.created_at,
            started_at=run.started_at,
            finished_at=run.finished_at,
            note=run.note,
            error_rate=counts.get(run.id) if run.state == "finished" else None,
        )
        for run in list_runs(session, dataset_id=dataset_id)
    ]


def best_run(session: Session, *, dataset_id: int) -> RunSummary | None:
    """The finished run with the lowest error rate on the hold-out against the newest labels; the newer one of equals.

    Without a hold-out it is the newest finished run.
    """
    return best_of(run_summaries(session, dataset_id=dataset_id))


def best_of(runs: Iterable[RunSummary]) -> RunSummary | None:
    """The best of these runs, as `best_run` says."""
    finished = [run for run in runs if run.state == "finished"]
    return min(finished, key=lambda run: (run.error_rate.value if run.error_rate else 1.0, -run.id), default=None)


def _label_in_version() -> ColumnElement[int | None]:
    """A sample's label in the outer-joined version: without a row it is the given one, a null is a deletion."""
    return case((VersionLabel.sample_id.is_(None), Sample.given_label), else_=VersionLabel.label)


def _hold_out(session: Session, run: Run, *, version_id: int) -> _HoldOut:
    rows = session.execute(
        select(Sample.id, Sample.given_label, func.coalesce(_label_in_version(), -1), Prediction.predicted_label)
        .join(Prediction, and_(Prediction.sample_id == Sample.id, Prediction.run_id == run.id))
        .outerjoin(VersionLabel, and_(VersionLabel.sample_id == Sample.id, VersionLabel.version_id == version_id))
        .where(Sample.dataset_id == run.dataset_id, Sample.split == HOLD_OUT)
        .order_by(Sample.id)
    ).all()
    columns = np.array([tuple(row) for row in rows], dtype=np.int64).reshape(-1, 4).T
    return _HoldOut(*columns)


def _evaluation(labels: NDArray[np.int64], predicted: NDArray[np.int64], names: list[str]) -> Evaluation:
    matrix = confusion_matrix(labels, predicted, classes=len(names))
    return Evaluation(
        error_rate=error_rate(labels, predicted),
        class_names=tuple(names),
        confusion=tuple(tuple(int(c) for c in row) for row in matrix),
        per_class=class_reports(matrix, names),
        most_confused=most_confused(matrix, names),
    )


def _number(session: Session, version_id: int) -> int:
    return session.scalar(select(DatasetVersion.number).where(DatasetVersion.id == version_id)) or 0
