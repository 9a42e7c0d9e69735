"""Compares two runs on the same hold-out samples, by given labels, reviewed labels and the gold part."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.datasets.catalog import class_names
from app.datasets.models import DatasetVersion, Sample
from app.datasets.versions import DELETED, get_version, latest_version
from app.errors import Invalid
from app.measuring.best import ENOUGH
from app.measuring.evaluations import Evaluation, evaluate
from app.measuring.hold_out import UNKNOWN, HoldOut, hold_out, predicted
from app.measuring.seed_twins import Seeds, seed_twins
from app.measuring.selection import Selection, selection
from app.ranking.models import Prediction
from app.review.gold import GoldLabels
from app.training.evaluation import Rate, rate
from app.training.models import FIRST_LOOK, OWN_MODEL, Run
from app.training.runs import get_run, unfinished
from app.training.statistics import ClassChange, Difference, class_changes, paired_difference

Ints = NDArray[np.int64]
Kind = Literal["given", "reviewed", "gold"]
Change = Literal["all", "repaired", "broken", "other"]  # other: wrong before and after, in different ways


@dataclass(frozen=True)
class RunFacts:
    """Which network a figure is of."""

    id: int
    name: str  # of its model
    recipe: str
    epochs: int
    weights: str
    parent_id: int | None
    seed: int
    version: int
    digest: str
    is_own: bool  # an own model, which was trained elsewhere
    in_sample: bool  # and may have learnt the hold-out
    is_look: bool = False  # a first look, which has learnt other held-out images than the one it judges


@dataclass(frozen=True)
class Column:
    """Both runs against one kind of labels, on the same samples.

    Deleted images are left out, and beside that counted as wrong.
    """

    kind: Kind
    version: int | None
    digest: str
    samples: int
    deleted: int
    old: Evaluation
    new: Evaluation
    old_with_deleted: Rate | None
    new_with_deleted: Rate | None
    difference: Difference | None
    per_class: tuple[ClassChange, ...]
    open: int = (
        0  # images of the gold part that are not settled yet: the hard ones, so its figures are flattered
    )


@dataclass(frozen=True)
class PredictionChanges:
    """Samples that the two runs predict differently, by what the reviewed labels say of it."""

    repaired: int
    broken: int
    other: int

    @property
    def all(self) -> int:
        """All three."""
        return self.repaired + self.broken + self.other


@dataclass(frozen=True)
class Comparison:
    """Everything that is known of a before and an after; the columns in the order given, reviewed, gold."""

    old: RunFacts
    new: RunFacts
    version: int  # whose labels the reviewed ones are
    columns: tuple[Column, ...]
    left_out: int  # hold-out samples that only one of the runs predicted, deleted ones aside
    changes: PredictionChanges
    selection: Selection
    seeds: Seeds

    @property
    def is_mixed(self) -> bool:
        """Whether one of the two is a first look: another kind of model, whatever it learnt."""
        return self.old.is_look != self.new.is_look

    @property
    def reviewed(self) -> Column:
        """Against the version's labels."""
        return next(column for column in self.columns if column.kind == "reviewed")

    @property
    def chief(self) -> Column:
        """The column for conclusions: the gold part if large enough and settled, else reviewed labels."""
        last = self.columns[-1]
        return last if last.samples >= ENOUGH and not last.open else self.reviewed


@dataclass(frozen=True)
class ChangedSample:
    """A sample that two runs predict differently; classes by name."""

    sample_id: int
    path: str
    given_label: str
    label: str
    old: str
    new: str
    confidence: float  # of the new prediction
    width: int
    height: int


@dataclass(frozen=True)
class _Pair:
    """The hold-out samples that both runs predicted and that are not deleted."""

    held: HoldOut
    old: Ints  # over all of the hold-out
    new: Ints
    kept: NDArray[np.bool_]

    def of(self, what: Ints) -> Ints:
        kept: Ints = what[self.kept]
        return kept


def compare(
    session: Session,
    *,
    dataset_id: int,
    old_id: int,
    new_id: int,
    number: int | None = None,
    gold: GoldLabels | None = None,
) -> Comparison:
    """Compare two finished runs on one hold-out; reviewed labels are those of `version`, or the newest.

    `gold`: the blind labels of the gold part, for an additional column.
    Raises NotFound for a run or version that is not there, Conflict for a run that has not finished, Invalid
    for one run twice.
    """
    old, new, version = _asked(session, dataset_id, old_id, new_id, number)
    names = class_names(session, dataset_id=dataset_id)
    pair = _pair(session, old, new, version)
    given, reviewed, was, now = (
        pair.of(what) for what in (pair.held.given, pair.held.reviewed, pair.old, pair.new)
    )
    known_to_any = (pair.old != UNKNOWN) | (pair.new != UNKNOWN)
    gone = int((known_to_any & (pair.held.reviewed == DELETED)).sum())
    first = get_version(session, dataset_id=dataset_id, number=0)
    columns = [
        _column("given", first.number, first.digest, given, was, now, 0, names),
        _column("reviewed", version.number, version.digest, reviewed, was, now, gone, names),
    ]
    if gold is not None and gold.settled:
        columns.append(_gold_column(session, gold, old, new, names))
    return Comparison(
        old=_facts(session, old),
        new=_facts(session, new),
        version=version.number,
        columns=tuple(columns),
        left_out=int((known_to_any & ~pair.kept & (pair.held.reviewed != DELETED)).sum()),
        changes=PredictionChanges(
            *(int(_changed(which, reviewed, was, now).sum()) for which in ("repaired", "broken", "other"))
        ),
        selection=selection(session, version=version, held=pair.held, said=pair.old),
        seeds=Seeds(*(seed_twins(session, run, held=pair.held, kept=pair.kept) for run in (old, new))),
    )


def changed_samples(
    session: Session,
    *,
    dataset_id: int,
    old_id: int,
    new_id: int,
    number: int | None = None,
    change: Change,
    limit: int,
    offset: int = 0,
) -> tuple[int, tuple[ChangedSample, ...]]:
    """How many samples the runs predict differently in this way, and a page of them.

    Raises as `compare` does.
    """
    old, new, version = _asked(session, dataset_id, old_id, new_id, number)
    pair = _pair(session, old, new, version)
    ids, reviewed, was, now = (
        pair.of(what) for what in (pair.held.ids, pair.held.reviewed, pair.old, pair.new)
    )
    places = np.flatnonzero(_changed(change, reviewed, was, now))
    shown = {int(ids[i]): i for i in places[offset : offset + limit]}
    rows = session.execute(
        select(Sample, Prediction.confidence)
        .join(Prediction, Prediction.sample_id == Sample.id)
        .where(Prediction.run_id == new_id, Sample.id.in_(shown))
        .order_by(Sample.id)
    )
    names = class_names(session, dataset_id=dataset_id)
    return len(places), tuple(
        ChangedSample(
            sample_id=sample.id,
            path=sample.path,
            given_label=names[sample.given_label],
            label=names[reviewed[shown[sample.id]]],
            old=names[was[shown[sample.id]]],
            new=names[now[shown[sample.id]]],
            confidence=confidence,
            width=sample.width,
            height=sample.height,
        )
        for sample, confidence in rows
    )


def _asked(
    session: Session, dataset_id: int, old_id: int, new_id: int, number: int | None
) -> tuple[Run, Run, DatasetVersion]:
    runs = [get_run(session, run_id=run_id, dataset_id=dataset_id) for run_id in (old_id, new_id)]
    for run in runs:
        if run.state != "finished":
            raise unfinished(run)(f"{run.name} has not finished; only finished ones can be compared.")
    if old_id == new_id:
        raise Invalid(f"{runs[0].name} cannot be compared with itself; choose another one.")
    if number is None:
        return runs[0], runs[1], latest_version(session, dataset_id=dataset_id)
    return runs[0], runs[1], get_version(session, dataset_id=dataset_id, number=number)


def _pair(session: Session, old: Run, new: Run, version: DatasetVersion) -> _Pair:
    held = hold_out(session, dataset_id=version.dataset_id, version_id=version.id)
    was, now = (predicted(session, run_id=run.id, ids=held.ids) for run in (old, new))
    return _Pair(held, was, now, (was != UNKNOWN) & (now != UNKNOWN) & (held.reviewed != DELETED))


def _changed(change: Change, labels: Ints, was: Ints, now: Ints) -> NDArray[np.bool_]:
    """Which samples (n,) the predictions differ on in this way."""
    differs: NDArray[np.bool_] = was != now
    ways: dict[Change, NDArray[np.bool_]] = {
        "repaired": now == labels,
        "broken": was == labels,
        "other": (now != labels) & (was != labels),
    }
    return differs & ways.get(change, differs)


def _column(
    kind: Kind,
    version: int | None,
    digest: str,
    labels: Ints,
    was: Ints,
    now: Ints,
    deleted: int,
    names: list[str],
) -> Column:
    n, wrong = len(labels), [int((labels != said).sum()) for said in (was, now)]
    return Column(
        kind=kind,
        version=version,
        digest=digest,
        samples=n,
        deleted=deleted,
        old=evaluate(labels, was, names),
        new=evaluate(labels, now, names),
        old_with_deleted=rate(wrong[0] + deleted, n + deleted),
        new_with_deleted=rate(wrong[1] + deleted, n + deleted),
        difference=paired_difference(labels != was, labels != now),
        per_class=class_changes(labels, was, now, names),
    )


def _gold_column(session: Session, gold: GoldLabels, old: Run, new: Run, names: list[str]) -> Column:
    was, now = (predicted(session, run_id=run.id, ids=gold.sample_ids) for run in (old, new))
    gone = gold.labels == DELETED
    kept = ~gone & (was != UNKNOWN) & (now != UNKNOWN)
    column = _column(
        "gold", None, gold.digest, gold.labels[kept], was[kept], now[kept], int(gone.sum()), names
    )
    return _with_open(column, gold.waiting) if gold.waiting else column


def _with_open(column: Column, still_open: int) -> Column:
    """The column with intervals that hold for any labels of the open images, and without a difference."""

    def widened(found: Rate | None) -> Rate | None:
        return rate(found.wrong, found.n, still_open=still_open) if found else None

    old, new = (replace(each, error_rate=widened(each.error_rate)) for each in (column.old, column.new))
    return replace(
        column,
        open=still_open,
        old=old,
        new=new,
        difference=None,
        old_with_deleted=widened(column.old_with_deleted),
        new_with_deleted=widened(column.new_with_deleted),
    )


def _facts(session: Session, run: Run) -> RunFacts:
    version = session.get_one(DatasetVersion, run.version_id)
    phases = run.recipe["fine_tune_phases" if run.parent_id else "phases"] if run.is_training else ()
    epochs = sum(phase["epochs"] for phase in phases)
    return RunFacts(
        run.id,
        run.name,
        run.recipe["name"],
        epochs,
        run.weights,
        run.parent_id,
        run.seed,
        version.number,
        version.digest,
        is_look=run.kind == FIRST_LOOK,
        is_own=run.kind == OWN_MODEL,
        in_sample=run.kind == OWN_MODEL and not run.is_out_of_sample,
    )
