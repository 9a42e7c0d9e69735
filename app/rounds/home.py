"""What the home page shows of each data set: a few statements, whatever the number of data sets."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Select, exists, func, or_, select, union_all
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.datasets.catalog import DatasetSummary, list_datasets, names_now
from app.datasets.gold import visible_samples
from app.datasets.models import Dataset, MissingFile, Sample
from app.deck.progress import count_remaining
from app.jobs.models import Job
from app.jobs.requests import OPEN_STATES
from app.measuring.headline import Headline, headlines
from app.ranking.models import Prediction
from app.review.counters import counts
from app.review.models import Decision, OpenIssue, SampleReview
from app.review.standing import label_now
from app.training.models import Run
from app.training.runs import HAS_RANKING, REVIEWED_FIRST, current_ranking

SHOWN = 8  # images of a data set
LOOKED_AT = 6 * SHOWN  # of the first ones, since those of the gold part and missing ones are not shown


@dataclass(frozen=True)
class DatasetCard:
    """A data set as the home page shows it."""

    summary: DatasetSummary
    images: tuple[int, ...]  # sample ids: the most suspicious ones; without a ranking any
    left: int | None  # cards of the review that remain for who looks; None: nothing is ranked
    reviewed: int  # labels that people have decided on
    error: Headline | None  # of the first look, where no training is better
    active_at: datetime | None  # the last answer, import or training
    job: Job | None  # what runs, else what waits


def dataset_cards(session: Session, *, user_id: int, hidden: Collection[int] = ()) -> list[DatasetCard]:
    """The data sets that are neither archived nor `hidden`, by name."""
    summaries = list_datasets(session, hidden=hidden)
    ids = [each.id for each in summaries]
    if not ids:
        return []
    ranked = _rankings(session, ids)
    images = _images(session, ids, {run_id: dataset for dataset, run_id in ranked.items()})
    errors = headlines(session, dataset_ids=ids, with_looks=True)
    active, jobs = _active(session, ids), _jobs(session, ids)
    cards = []
    for each in summaries:
        of = ranked.get(each.id)
        cards.append(
            DatasetCard(
                summary=each,
                images=tuple(images[each.id]),
                left=count_remaining(session, dataset_id=each.id, user_id=user_id) if of else None,
                reviewed=counts(session, dataset_id=each.id).reviewed,
                error=errors.get(each.id),
                active_at=active.get(each.id),
                job=jobs.get(each.id),
            )
        )
    return cards


@dataclass(frozen=True)
class Suspect:
    """An image whose label looks wrong, with the label now and what the ranking predicts."""

    sample_id: int
    label: str
    predicted: str


def suspects(session: Session, *, dataset_id: int, limit: int) -> tuple[Suspect, ...]:
    """The most suspicious images that people may see; those that nobody has decided on come first."""
    ranking = current_ranking(session, dataset_id=dataset_id)
    if ranking is None:
        return ()
    ids = _images(session, [dataset_id], {ranking.run_id: dataset_id}, limit=limit)[dataset_id]
    names = names_now(session, dataset_id=dataset_id)
    rows = session.execute(
        visible_samples(Sample.id, label_now(), Prediction.predicted_label)
        .join(Prediction, Prediction.sample_id == Sample.id)
        .outerjoin(SampleReview, SampleReview.sample_id == Sample.id)
        .where(Sample.id.in_(ids), Prediction.run_id == ranking.run_id)
    )
    found = {
        sample_id: Suspect(sample_id, "deleted" if label is None else names[label], names[predicted])
        for sample_id, label, predicted in rows
    }
    return tuple(found[sample_id] for sample_id in ids if sample_id in found)


def _rankings(session: Session, ids: Collection[int]) -> dict[int, int]:
    """The run whose ranking is reviewed, by data set."""
    place = func.row_number().over(partition_by=Run.dataset_id, order_by=REVIEWED_FIRST)
    rows = (
        select(Run.dataset_id, Run.id, place.label("n"))
        .where(Run.dataset_id.in_(ids), HAS_RANKING)
        .subquery()
    )
    found = session.execute(select(rows).where(rows.c.n == 1))
    return {row.dataset_id: row.id for row in found}


def _images(
    session: Session, ids: Collection[int], ranked: dict[int, int], *, limit: int = SHOWN
) -> defaultdict[int, list[int]]:
    """The images to show by data set; `ranked` has the data set of each run whose ranking is reviewed.

    Issues that are open come first, then what the ranking puts first, then any images.
    """
    found: defaultdict[int, list[int]] = defaultdict(list)

    def add(dataset_id: int, sample_id: int) -> None:
        known = found[dataset_id]
        if len(known) < limit and sample_id not in known:
            known.append(sample_id)

    for run_id, sample_id in session.execute(_first_issues(ranked, limit)):
        add(ranked[run_id], sample_id)
    few = [run_id for run_id, dataset_id in ranked.items() if len(found[dataset_id]) < limit]
    if few:
        for run_id, sample_id in session.execute(_first_ranked(few)):
            add(ranked[run_id], sample_id)
    if bare := [each for each in ids if not found[each]]:
        for dataset_id, sample_id in session.execute(_first_drawn(bare)):
            add(dataset_id, sample_id)
    return found


def _first_issues(run_ids: Collection[int], limit: int) -> Select[int, int]:
    """(run, sample) of the first open issues, in the order in which people get them."""
    edge = (
        select(OpenIssue.rank)
        .where(OpenIssue.run_id == Run.id)
        .order_by(OpenIssue.rank)
        .offset(limit + LOOKED_AT)
        .limit(1)
        .correlate(Run)
        .scalar_subquery()
    )
    edges = select(Run.id, edge.label("edge")).where(Run.id.in_(run_ids)).subquery()
    return (
        visible_samples(OpenIssue.run_id, OpenIssue.sample_id, key=OpenIssue.sample_id)
        .join(edges, edges.c.id == OpenIssue.run_id)
        .where(or_(edges.c.edge.is_(None), OpenIssue.rank < edges.c.edge), _is_there(OpenIssue.sample_id))
        .order_by(OpenIssue.run_id, OpenIssue.rank)
    )


def _first_ranked(run_ids: Collection[int]) -> Select[int, int]:
    """(run, sample) of the first ones of the rankings, whatever was decided of them."""
    return (
        visible_samples(Prediction.run_id, Prediction.sample_id, key=Prediction.sample_id)
        .where(Prediction.run_id.in_(run_ids), Prediction.rank <= LOOKED_AT, _is_there(Prediction.sample_id))
        .order_by(Prediction.run_id, Prediction.rank)
    )


def _first_drawn(ids: Collection[int]) -> Select[int, int]:
    """(data set, sample) of a few images in the random order, without those that an audit drew."""
    is_drawn = (Sample.dataset_id == Dataset.id, Sample.random_key >= 0)
    edge = (
        select(Sample.random_key)
        .where(*is_drawn)
        .order_by(Sample.random_key)
        .offset(LOOKED_AT)
        .limit(1)
        .correlate(Dataset)
        .scalar_subquery()
    )
    edges = select(Dataset.id, edge.label("edge")).where(Dataset.id.in_(ids)).subquery()
    return (
        visible_samples(Sample.dataset_id, Sample.id)
        .join(edges, edges.c.id == Sample.dataset_id)
        .where(
            Sample.random_key >= 0,
            or_(edges.c.edge.is_(None), Sample.random_key < edges.c.edge),
            _is_there(Sample.id),
        )
        .order_by(Sample.dataset_id, Sample.random_key)
    )


def _is_there(sample_id: InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """Whether the file of a sample was there when it was last read."""
    return ~exists().where(MissingFile.sample_id == sample_id)


def _active(session: Session, ids: Collection[int]) -> dict[int, datetime]:
    """When somebody last answered, or a job ended, or the data set was made."""
    last = select(func.max(Decision.id)).where(Decision.dataset_id.in_(ids)).group_by(Decision.dataset_id)
    ended = func.max(Job.finished_at)
    moments: CompoundSelect[Any] = union_all(
        select(Decision.dataset_id, Decision.created_at.label("at")).where(Decision.id.in_(last)),
        select(Job.dataset_id, ended).where(Job.dataset_id.in_(ids)).group_by(Job.dataset_id),
        select(Dataset.id, Dataset.created_at).where(Dataset.id.in_(ids)),
    )
    found: dict[int, datetime] = {}
    for dataset_id, at in session.execute(moments):
        if at is not None:
            found[dataset_id] = max(at, found.get(dataset_id, at))
    return found


def _jobs(session: Session, ids: Collection[int]) -> dict[int, Job]:
    """The job that runs, else the one that waits longest, by data set."""
    query = (
        select(Job)
        .where(Job.dataset_id.in_(ids), Job.state.in_(OPEN_STATES))
        .order_by((Job.state == "running").desc(), Job.created_at, Job.id)
    )
    found: dict[int, Job] = {}
    for job in session.scalars(query):
        if job.dataset_id is not None:
            found.setdefault(job.dataset_id, job)
    return found
