"""Evaluates runs by their stored predictions on the hold-out (the validation part, which never trains)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import and_, case, func, select
from sqlalchemy.orm import Session

from app.datasets.catalog import class_names
from app.datasets.coverage import listed
from app.datasets.gold import HOLD_OUT
from app.datasets.models import DatasetVersion, Sample, VersionLabel
from app.datasets.versions import DELETED, label_in_version, names_of
from app.measuring.hold_out import UNKNOWN, hold_out, predicted
from app.ranking.models import Prediction
from app.training.evaluation import (
    ClassReport,
    Confusion,
    Rate,
    class_reports,
    confusion_matrix,
    error_rate,
    most_confused,
    rate,
)
from app.training.models import FIRST_LOOK, TRAINING
from app.training.runs import get_run, list_runs
from app.training.statistics import Reliability, reliability


@dataclass(frozen=True)
class RunSummary:
    """One row of the list of runs."""

    id: int
    name: str  # of its model
    number: int
    kind: str
    state: str
    recipe: str
    version: int
    parent_id: int | None
    parent_name: str
    seed: int
    weights: str
    network: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    note: str
    error_rate: (
        Rate | None
    )  # on the hold-out, against the labels that it learnt, its version's: it stays as it is
    newest_error_rate: (
        Rate | None
    )  # the same predictions against the newest version's labels: it moves with these
    newest_version: int
    untrained: tuple[
        str, ...
    ] = ()  # classes that it had no training images of: theirs count as errors in the rates
    newest_without_untrained: Rate | None = None  # by the newest labels, without the images of these
    is_behind: bool = False  # it errs clearly more than the first look

    @property
    def is_finished_training(self) -> bool:
        """Whether it has a network that can be trained further."""
        return self.state == "finished" and self.kind == TRAINING

    @property
    def is_comparable(self) -> bool:
        """Whether it can be compared with others: it has finished."""
        return self.state == "finished"

    @property
    def rate_to_choose_by(self) -> Rate | None:
        """The rate that chooses the best run: by the newest labels, without classes it could not learn."""
        return self.newest_without_untrained if self.untrained else self.newest_error_rate

    @property
    def cleaner_error_rate(self) -> Rate | None:
        """The same model on cleaner labels; none where it learnt the newest ones."""
        return self.newest_error_rate if self.version != self.newest_version else None


@dataclass(frozen=True)
class Evaluation:
    """One run on the hold-out against one set of labels."""

    error_rate: Rate | None
    class_names: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]  # rows labels, columns predictions
    per_class: tuple[ClassReport, ...]
    most_confused: tuple[Confusion, ...]
    untrained: tuple[str, ...] = ()  # classes that the run had no training images of
    without_untrained: Rate | None = None  # the error rate without the images of these

    @property
    def words(self) -> list[str]:
        """Notes about the error rate, in sentences."""
        if not self.untrained or self.error_rate is None:
            return []
        images = self.error_rate.n - (self.without_untrained.n if self.without_untrained else 0)
        if not images:
            return []
        rest = f"{100 * self.without_untrained.value:.1f} %" if self.without_untrained else "nothing to count"
        said = (
            f"{listed(self.untrained)}: no training images, so {images:,} hold-out images always count as "
            f"errors: {100 * self.error_rate.value:.1f} % with them, {rest} without them."
        )
        return [said]


def evaluate_run(session: Session, *, run_id: int, cleaned_by: int | None = None) -> Evaluation:
    """The run against the labels of the version it trained on, or of the version with the id `cleaned_by`."""
    run = get_run(session, run_id=run_id)
    held = hold_out(session, dataset_id=run.dataset_id, version_id=cleaned_by or run.version_id)
    said = predicted(session, run_id=run_id, ids=held.ids)
    kept = (held.reviewed != DELETED) & (said != UNKNOWN)
    names = names_of(session, version_id=run.version_id)
    return evaluate(held.reviewed[kept], said[kept], names, untrained=run.facts.get("untrained", ()))


def calibration_of(session: Session, *, run_id: int) -> Reliability | None:
    """The calibration of a run on the hold-out, by the labels of its version; None without a hold-out."""
    rows = session.execute(
        select(Prediction.confidence, Prediction.predicted_label - Prediction.label)
        .join(Sample, Sample.id == Prediction.sample_id)
        .where(Prediction.run_id == run_id, Sample.split == HOLD_OUT)
    ).all()
    table = np.array([tuple(row) for row in rows]).reshape(-1, 2)
    return reliability(table[:, 0], table[:, 1] == 0)


def run_summaries(session: Session, *, dataset_id: int) -> list[RunSummary]:
    """Every run with its error rates, the newest run first."""
    newest = session.scalar(
        select(DatasetVersion.id)
        .where(DatasetVersion.dataset_id == dataset_id)
        .order_by(DatasetVersion.number.desc())
        .limit(1)
    )
    if newest is None:
        return []
    names = class_names(session, dataset_id=dataset_id)
    own = learnt_rates(session, dataset_id=dataset_id)
    cleaner = hold_out_rates(session, dataset_id=dataset_id, version_id=newest)
    numbers = dict(
        session.execute(
            select(DatasetVersion.id, DatasetVersion.number).where(DatasetVersion.dataset_id == dataset_id)
        ).all()
    )
    return [
        RunSummary(
            id=run.id,
            name=run.name,
            number=run.number,
            kind=run.kind,
            state=run.state,
            recipe=run.recipe["name"],
            version=numbers[run.version_id],
            parent_id=run.parent_id,
            parent_name=run.parent_name,
            seed=run.seed,
            weights=run.weights,
            network=run.network,
            created_at=run.created_at,
            started_at=run.started_at,
            finished_at=run.finished_at,
            note=run.note,
            error_rate=own.get(run.id) if run.state == "finished" else None,
            newest_error_rate=cleaner.get(run.id) if run.state == "finished" else None,
            newest_version=numbers[newest],
            is_behind=run.is_behind,
            untrained=tuple(names[position] for position in run.facts.get("untrained", ())),
            newest_without_untrained=evaluate_run(session, run_id=run.id, cleaned_by=newest).without_untrained
            if run.state == "finished" and run.facts.get("untrained")
            else None,
        )
        for run in list_runs(session, dataset_id=dataset_id)
    ]


def learnt_rates(session: Session, *, dataset_id: int) -> dict[int, Rate | None]:
    """The error rate on the hold-out by run, each against the labels of the version that it trained on."""
    rows = session.execute(
        select(
            Prediction.run_id,
            func.count(),
            func.sum(case((Prediction.predicted_label != Prediction.label, 1), else_=0)),
        )
        .join(Sample, Sample.id == Prediction.sample_id)
        .where(Sample.dataset_id == dataset_id, Sample.split == HOLD_OUT)
        .group_by(Prediction.run_id)
    )
    return {run_id: rate(int(wrong or 0), n) for run_id, n, wrong in rows}


def hold_out_rates(session: Session, *, dataset_id: int, version_id: int) -> dict[int, Rate | None]:
    """The error rate on the hold-out against one version's labels, by run."""
    label = label_in_version()
    rows = session.execute(
        select(
            Prediction.run_id, func.count(), func.sum(case((Prediction.predicted_label != label, 1), else_=0))
        )
        .join(Sample, Sample.id == Prediction.sample_id)
        .outerjoin(
            VersionLabel, and_(VersionLabel.sample_id == Sample.id, VersionLabel.version_id == version_id)
        )
        .where(Sample.dataset_id == dataset_id, Sample.split == HOLD_OUT, label.is_not(None))
        .group_by(Prediction.run_id)
    )
    return {run_id: rate(int(wrong or 0), n) for run_id, n, wrong in rows}


def best_run(session: Session, *, dataset_id: int) -> RunSummary | None:
    """The finished training with the lowest hold-out error by the newest labels; of equals the newer.

    The images of classes that a run had no training images of are left out of its rate. Without a hold-out
    it is the newest finished training.
    """
    return best_of(run_summaries(session, dataset_id=dataset_id))


def best_of(runs: Iterable[RunSummary]) -> RunSummary | None:
    """The best of these runs, as `best_run` says."""
    finished = [run for run in runs if run.is_finished_training]
    return min(
        finished,
        key=lambda run: (by.value if (by := run.rate_to_choose_by) else 1.0, -run.id),
        default=None,
    )


def evaluate(
    labels: NDArray[np.int64], said: NDArray[np.int64], names: list[str], *, untrained: Sequence[int] = ()
) -> Evaluation:
    """Evaluate predictions (n,) against labels (n,), class positions; `untrained` classes had no images."""
    learnt = ~np.isin(labels, untrained)
    matrix = confusion_matrix(labels, said, classes=len(names))
    return Evaluation(
        error_rate=error_rate(labels, said),
        class_names=tuple(names),
        confusion=tuple(tuple(int(c) for c in row) for row in matrix),
        per_class=class_reports(matrix, names),
        most_confused=most_confused(matrix, names),
        untrained=tuple(names[position] for position in untrained),
        without_untrained=error_rate(labels[learnt], said[learnt]) if len(untrained) else None,
    )


def pair_to_compare(
    runs: Sequence[RunSummary], old: int | None = None, new: int | None = None
) -> tuple[int | None, int | None]:
    """The runs asked for, or the newest one that has a parent and that parent, or the two newest.

    First looks are not mixed with others unless that is asked for: of neither kind are there two, so there
    is no pair.
    """
    if old is None and new is None:
        looks = tuple(run for run in runs if run.kind == FIRST_LOOK)
        others = tuple(run for run in runs if run.kind != FIRST_LOOK)
        runs = others if len(others) > 1 or len(looks) < 2 else looks  # noqa: PLR2004 - a pair
    known = {run.id for run in runs}
    child = next((run for run in runs if run.parent_id in known), None)
    if new is None:
        new = child.id if child else runs[0].id if runs else None
    if old is None:
        parent = next((run.parent_id for run in runs if run.id == new), None)
        old = parent if parent in known else next((run.id for run in runs if run.id != new), None)
    return old, new
