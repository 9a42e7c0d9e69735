"""Open label issues, kept in a table of their own: every decision needs them and cannot scan all samples.

An issue of a run is open while its sample has no decision that counts; the gold part has no issues.
A label and a prediction of classes that were merged into one are no issue.
`OpenIssue` holds only these rows: publishing a ranking fills it, a decision changes it for its sample.
"""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, and_, delete, exists, false, insert, or_, select
from sqlalchemy.orm import Session

from app.datasets.catalog import classes_of, lock_out_decisions
from app.datasets.gold import visible_samples
from app.datasets.models import Sample
from app.db.compiled import PreparedOf
from app.ranking.models import IS_ISSUE, Prediction
from app.ranking.rankings import publish_ranking
from app.review.models import OpenIssue, SampleReview
from app.training.models import Run

_CLOSE = PreparedOf(
    OpenIssue.sample_id, lambda these: delete(OpenIssue).where(these).returning(OpenIssue.run_id)
)


def publish(session: Session, *, run_id: int, epochs: int) -> None:
    """Publish the staged ranking of a run and open its label issues."""
    # no decision may come between the ranking and its issues
    dataset_id = session.scalars(select(Run.dataset_id).where(Run.id == run_id)).one()
    lock_out_decisions(session, dataset_id=dataset_id, also_archived=True)
    publish_ranking(session, run_id=run_id, epochs=epochs)
    session.execute(delete(OpenIssue).where(OpenIssue.run_id == run_id))
    _fill(session, Prediction.run_id == run_id, dataset_id=dataset_id)


def close(session: Session, sample_ids: Sequence[int]) -> tuple[int, ...]:
    """Close the issues of decided samples in every run's ranking; return the run id of each."""
    return tuple(run_id for (run_id,) in _CLOSE.rows(session, sample_ids)) if sample_ids else ()


def close_merged(session: Session, *, dataset_id: int) -> None:
    """Close the issues whose label and prediction are one class now."""
    same = exists().where(
        Prediction.run_id == OpenIssue.run_id,
        Prediction.sample_id == OpenIssue.sample_id,
        _one_class(session, dataset_id),
    )
    session.execute(delete(OpenIssue).where(OpenIssue.run_id.in_(_runs(dataset_id)), same))


def open_unmerged(session: Session, *, dataset_id: int) -> None:
    """After the undo of a merge, open again what `close_merged` has closed."""
    _fill(session, and_(Prediction.run_id.in_(_runs(dataset_id)), ~_is_open()), dataset_id=dataset_id)


def _one_class(session: Session, dataset_id: int) -> ColumnElement[bool]:
    """Whether label and prediction of a row of `Prediction` are classes that were merged into one."""
    classes = classes_of(session, dataset_id=dataset_id)
    merged: defaultdict[int, list[int]] = defaultdict(list)
    for position in range(len(classes.names)):
        merged[classes.place_now(position)].append(position)
    pairs = (
        and_(
            Prediction.label.in_(each),
            Prediction.predicted_label.in_(each),
            Prediction.predicted_label != Prediction.label,
        )
        for each in merged.values()
        if len(each) > 1
    )
    return or_(false(), *pairs)


def _runs(dataset_id: int) -> Select[int]:
    return select(Run.id).where(Run.dataset_id == dataset_id)


def _is_open() -> ColumnElement[bool]:
    return exists().where(OpenIssue.of(Prediction.sample_id, Prediction.run_id))


def open_again(session: Session, sample_ids: Sequence[int]) -> None:
    """Reopen, in every run's ranking, the issues of samples that have lost their last counting decision."""
    if sample_ids:
        dataset_id = session.scalars(select(Sample.dataset_id).where(Sample.id == sample_ids[0])).one()
        _fill(session, and_(Prediction.sample_id.in_(sample_ids), ~_is_open()), dataset_id=dataset_id)


def _fill(session: Session, which: ColumnElement[bool], *, dataset_id: int) -> None:
    issues = (
        visible_samples(Prediction.run_id, Prediction.sample_id, Prediction.rank, key=Prediction.sample_id)
        .outerjoin(SampleReview, SampleReview.sample_id == Prediction.sample_id)
        .where(
            which,
            IS_ISSUE,
            ~_one_class(session, dataset_id),
            SampleReview.sample_id.is_(None),
        )
    )
    session.execute(insert(OpenIssue).from_select(["run_id", "sample_id", "rank"], issues))
