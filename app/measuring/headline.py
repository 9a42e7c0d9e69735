"""The one figure of a data set's models that pages repeat: the error on the given labels.

It is counted on the hold-out against the labels that came with the images, so cleaning labels never moves it.
What the same predictions are worth on cleaned labels is a figure of its own.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, and_, case, func, or_, select
from sqlalchemy.orm import Session

from app.datasets.gold import HOLD_OUT
from app.datasets.models import DatasetVersion, Sample, VersionLabel
from app.datasets.versions import label_in_version
from app.ranking.models import Prediction
from app.training.evaluation import Rate, rate
from app.training.models import FIRST_LOOK, Run
from app.training.names import model_name
from app.training.runs import IS_TRAINING


@dataclass(frozen=True)
class Headline:
    """The error of the best model of a data set, without classes that it had no training images of."""

    name: str  # of its model
    learnt: int  # number of the version that it learnt
    newest: int  # number of the newest version
    given: Rate | None  # by the given labels; None without hold-out images
    cleaned: Rate | None  # the same predictions by the labels of the newest version
    is_behind: bool = False  # it errs clearly more than the first look
    is_look: bool = False  # it is the first look

    @property
    def cleaner(self) -> Rate | None:
        """The rate by cleaned labels, once a version has some."""
        return self.cleaned if self.newest else None

    @property
    def is_same_model(self) -> bool:
        """Whether labels were frozen since it was trained: then it has not learnt the cleanest ones."""
        return self.learnt != self.newest


@dataclass(frozen=True)
class _Counted:
    """What counts are of: a finished training, and the version whose labels it is held against."""

    run_id: int
    finished_at: datetime | None  # a run of another data set may have had the id
    version_id: int
    untrained: frozenset[int]


@dataclass
class _Counts:
    n: int = 0
    wrong: int = 0
    kept: int = 0  # with a label in the newest version
    still_wrong: int = 0  # of these


_KNOWN: WeakKeyDictionary[Engine, dict[_Counted, _Counts]] = WeakKeyDictionary()
MOST_KNOWN = 10_000


def headlines(
    session: Session, *, dataset_ids: Collection[int], with_looks: bool = False
) -> dict[int, Headline]:
    """By data set, in three statements whatever their number; none for one without a finished training.

    The best is the one with the lowest error by the newest version's labels; of equals the newer.
    `with_looks`: where there is no training, or each one is behind the first look, it is the first look.
    """
    newest = {
        row.dataset_id: row
        for row in session.execute(
            select(
                DatasetVersion.dataset_id,
                func.max(DatasetVersion.number).label("number"),
                func.max(DatasetVersion.id).label("id"),
            )
            .where(DatasetVersion.dataset_id.in_(dataset_ids))
            .group_by(DatasetVersion.dataset_id)
        )
    }
    runs = session.execute(
        select(
            Run.id,
            Run.number,
            Run.dataset_id,
            Run.facts,
            Run.finished_at,
            Run.is_behind,
            (Run.kind == FIRST_LOOK).label("is_look"),
            DatasetVersion.number.label("learnt"),
        )
        .join(DatasetVersion, DatasetVersion.id == Run.version_id)
        .where(
            Run.dataset_id.in_(dataset_ids),
            or_(IS_TRAINING, Run.kind == FIRST_LOOK) if with_looks else IS_TRAINING,
            Run.state == "finished",
        )
    ).all()
    counted = {
        run.id: _Counted(
            run.id,
            run.finished_at,
            newest[run.dataset_id].id,
            frozenset(run.facts.get("untrained", ())),
        )
        for run in runs
    }
    counts = _known_counts(session, counted.values())
    best: dict[int, tuple[tuple[bool, bool, float, int], Headline]] = {}
    for run in runs:
        of = counts[counted[run.id]]
        cleaned = rate(of.still_wrong, of.kept)
        given, cleanest = rate(of.wrong, of.n), newest[run.dataset_id].number
        name = "the first look" if run.is_look else model_name(run.number)
        found = Headline(name, run.learnt, cleanest, given, cleaned, run.is_behind, run.is_look)
        behind_a_look = with_looks and run.is_behind
        place = (behind_a_look, run.is_look, cleaned.value if cleaned else 1.0, -run.id)
        if run.dataset_id not in best or place < best[run.dataset_id][0]:
            best[run.dataset_id] = place, found
    return {dataset_id: found for dataset_id, (_, found) in best.items()}


def headline(session: Session, *, dataset_id: int) -> Headline | None:
    """That of one data set."""
    return headlines(session, dataset_ids=[dataset_id]).get(dataset_id)


def _known_counts(session: Session, wanted: Collection[_Counted]) -> dict[_Counted, _Counts]:
    """The counts, which this process remembers: neither a finished training nor a version ever changes."""
    known = _KNOWN.setdefault(session.get_bind().engine, {})
    if new := [each for each in wanted if each not in known]:
        if len(known) > MOST_KNOWN:
            known.clear()
        known |= _counts(session, new)
    return {each: known[each] for each in wanted}


def _counts(session: Session, wanted: Collection[_Counted]) -> dict[_Counted, _Counts]:
    """The hold-out images and the wrong ones, by the given labels and by the version's."""
    by_run = {each.run_id: each for each in wanted}
    version = case({each.run_id: each.version_id for each in wanted}, value=Prediction.run_id)
    label = label_in_version()
    rows = session.execute(
        select(
            Prediction.run_id,
            Sample.given_label.label("given"),
            label.label("label"),
            func.count().label("n"),
            func.sum(case((Prediction.predicted_label != Sample.given_label, 1), else_=0)).label("wrong"),
            func.sum(case((Prediction.predicted_label != label, 1), else_=0)).label("still_wrong"),
        )
        .join(Sample, Sample.id == Prediction.sample_id)
        .outerjoin(
            VersionLabel, and_(VersionLabel.sample_id == Sample.id, VersionLabel.version_id == version)
        )
        .where(Prediction.run_id.in_(by_run), Sample.split == HOLD_OUT)
        .group_by(Prediction.run_id, Sample.given_label, label)
    )
    counts: defaultdict[_Counted, _Counts] = defaultdict(_Counts)
    for each in wanted:
        counts[each] = _Counts()
    for row in rows:
        of, left_out = counts[by_run[row.run_id]], by_run[row.run_id].untrained
        if row.given not in left_out:
            of.n += row.n
            of.wrong += row.wrong
        if row.label is not None and row.label not in left_out:
            of.kept += row.n
            of.still_wrong += row.still_wrong
    return dict(counts)
