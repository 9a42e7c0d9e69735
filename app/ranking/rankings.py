"""Rankings: stored once per run, read by everyone after."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from app.datasets.gold import visible_samples
from app.datasets.models import DatasetVersion, Sample
from app.db.engine import Database
from app.ranking.models import IS_ISSUE, Prediction, StagedPrediction
from app.ranking.scoring import Floats, Ints, label_quality, ranks, score
from app.training.models import OWN_MODEL, Run

_BATCH = 2000  # rows a transaction: about 0.1 s in which no other writer gets through


@dataclass(frozen=True)
class RankedSample:
    """A sample and what a run says of it; labels are class positions."""

    sample_id: int
    path: str
    split: str
    given_label: int
    label: int
    predicted_label: int
    loss: float
    self_confidence: float
    margin: float
    confidence: float
    error_probability: float | None  # that its label is wrong
    rank: int
    probabilities: NDArray[np.float32]
    width: int
    height: int


@dataclass(frozen=True)
class RunOpinion:
    """What one run says of a sample; labels are class positions."""

    run_id: int
    name: str  # of its model
    kind: str  # of the run
    state: str
    version: int  # number of the one it trained on
    at: datetime | None  # when it ended
    label: int  # in that version
    predicted_label: int
    confidence: float  # p(predicted label)
    self_confidence: float  # p(label)
    loss: float
    margin: float
    rank: int
    ranked: int  # samples of its ranking
    out_of_sample: bool  # the network that predicts the class did not train on this image


def ranking_rows(
    run_id: int,
    *,
    sample_ids: Ints,
    paths: list[str],
    labels: Ints,
    log_probs: Floats,
    folds: Ints,
    quality: Floats | None = None,
    disagreement: Floats | None = None,
    error_probability: Floats | None = None,
) -> Iterator[dict[str, Any]]:
    """The rows of a run's ranking: (n,) ids, labels and folds, (n, classes) log-probabilities.

    The label `quality` (n,) orders them; left out, it is that of these log-probabilities.
    """
    scores = score(log_probs, labels)
    quality = label_quality(log_probs, labels) if quality is None else quality
    places = ranks(-quality, paths)
    probabilities = np.exp(log_probs)
    for i in range(len(sample_ids)):
        yield {
            "run_id": run_id,
            "sample_id": int(sample_ids[i]),
            "label": int(labels[i]),
            "predicted_label": int(scores.predicted[i]),
            "loss": float(scores.loss[i]),
            "self_confidence": float(scores.self_confidence[i]),
            "margin": float(scores.margin[i]),
            "confidence": float(scores.confidence[i]),
            "label_quality": float(quality[i]),
            "error_probability": None if error_probability is None else float(error_probability[i]),
            "disagreement": None if disagreement is None else float(disagreement[i]),
            "rank": int(places[i]),
            "fold": int(folds[i]),
            "probabilities": probabilities[i],
        }


def stage_ranking(database: Database, *, run_id: int, rows: Iterator[dict[str, Any]]) -> None:
    """Write a ranking to a staging table in short transactions, so that decisions do not wait."""
    with database.write() as session:
        session.execute(
            delete(StagedPrediction).where(StagedPrediction.run_id == run_id)
        )  # what a crash left
    while batch := list(islice(rows, _BATCH)):
        with database.write() as session:
            session.execute(insert(StagedPrediction), batch)


def publish_ranking(session: Session, *, run_id: int, epochs: int) -> None:
    """Publish the staged ranking of a run; `epochs`: the epochs of the main network in it."""
    if (
        session.scalar(select(StagedPrediction.sample_id).where(StagedPrediction.run_id == run_id).limit(1))
        is None
    ):
        raise ValueError(f"no ranking of run {run_id} is staged")
    columns = [column.name for column in Prediction.__table__.columns]
    staged = select(*(getattr(StagedPrediction, name) for name in columns)).where(
        StagedPrediction.run_id == run_id
    )
    session.execute(delete(Prediction).where(Prediction.run_id == run_id))
    session.execute(insert(Prediction).from_select(columns, staged))
    session.execute(delete(StagedPrediction).where(StagedPrediction.run_id == run_id))
    session.execute(update(Run).where(Run.id == run_id).values(ranked_epochs=epochs))
    count_issues(session, dataset_id=session.get_one(Run, run_id).dataset_id, run_id=run_id)


def count_issues(session: Session, *, dataset_id: int, run_id: int | None = None) -> None:
    """Store the number of label issues of all rankings of a data set or of one run, without the gold part."""
    issues = (
        visible_samples(func.count(), key=Prediction.sample_id)
        .select_from(Prediction)
        .where(Prediction.run_id == Run.id, IS_ISSUE)
        .correlate(Run)
        .scalar_subquery()
    )
    ranked = update(Run).where(Run.dataset_id == dataset_id, Run.ranked_epochs.is_not(None))
    session.execute(
        (ranked if run_id is None else ranked.where(Run.id == run_id)).values(label_issues=issues)
    )


def top_losses(
    session: Session,
    *,
    run_id: int,
    label: int | None = None,
    after: int = 0,
    limit: int = 20,
    by_loss: bool = False,
) -> list[RankedSample]:
    """The run's samples from rank `after` + 1 on, all or of one labelled class, without the gold part.

    They come by rank, or those of the greatest loss first.
    """
    query = (
        visible_samples(Prediction, Sample)
        .join(Sample, Sample.id == Prediction.sample_id)
        .where(Prediction.run_id == run_id, Prediction.rank > after)
        .order_by(*((Prediction.loss.desc(),) if by_loss else ()), Prediction.rank)
        .limit(limit)
    )
    if label is not None:
        query = query.where(Prediction.label == label)
    return [ranked_sample(sample, prediction) for prediction, sample in session.execute(query)]


def confused(
    session: Session,
    *,
    run_id: int,
    split: str,
    label: int | None,
    predicted: int | None,
    limit: int,
    offset: int = 0,
) -> tuple[int, list[RankedSample]]:
    """The number of a split's samples with this label and predicted class, and a page of them by rank."""
    wanted = [Prediction.run_id == run_id, Sample.split == split]
    wanted += [
        column == value
        for column, value in ((Prediction.label, label), (Prediction.predicted_label, predicted))
        if value is not None
    ]
    found = select(Prediction, Sample).join(Sample, Sample.id == Prediction.sample_id).where(*wanted)
    count = session.scalar(found.with_only_columns(func.count())) or 0
    rows = session.execute(found.order_by(Prediction.rank).limit(limit).offset(offset))
    return count, [ranked_sample(sample, prediction) for prediction, sample in rows]


def every_prediction(session: Session, *, run_id: int) -> Iterator[RankedSample]:
    """All predictions of a run, by rank, a few rows at a time; the session is used until the last one."""
    query = (
        select(Prediction, Sample)
        .join(Sample, Sample.id == Prediction.sample_id)
        .where(Prediction.run_id == run_id)
    )
    for prediction, sample in session.execute(
        query.order_by(Prediction.rank).execution_options(yield_per=1000)
    ):
        yield ranked_sample(sample, prediction)


def log_probs_of(session: Session, *, run_id: int, sample_ids: Ints, classes: int) -> Floats:
    """A run's log-probabilities for these samples (n, classes), NaN for samples not in its version.

    Classes that the run did not know are improbable; those that it knows beyond `classes` are left out.
    """
    table = np.full((len(sample_ids), classes), np.nan, np.float32)
    places = {int(sample_id): row for row, sample_id in enumerate(sample_ids)}
    query = select(Prediction.sample_id, Prediction.probabilities).where(Prediction.run_id == run_id)
    for sample_id, probabilities in session.execute(query):
        if sample_id in places:
            said = np.zeros(classes, np.float32)
            said[: len(probabilities)] = probabilities[:classes]  # classes are added at the end
            table[places[sample_id]] = np.log(np.maximum(said, np.finfo(np.float32).tiny))
    return table


def opinions(session: Session, *, sample_id: int) -> list[RunOpinion]:
    """The prediction of each run with a ranking for a sample, the oldest run first."""
    rows = session.execute(
        select(Prediction, Run, DatasetVersion.number, DatasetVersion.samples, Sample.split)
        .join(Run, Run.id == Prediction.run_id)
        .join(DatasetVersion, DatasetVersion.id == Run.version_id)
        .join(Sample, Sample.id == Prediction.sample_id)
        .where(Prediction.sample_id == sample_id)
        .order_by(Run.id)
    )
    return [
        RunOpinion(
            run_id=run.id,
            name=run.name,
            kind=run.kind,
            state=run.state,
            version=version,
            at=run.finished_at,
            label=said.label,
            predicted_label=said.predicted_label,
            confidence=said.confidence,
            self_confidence=said.self_confidence,
            loss=said.loss,
            margin=said.margin,
            rank=said.rank,
            ranked=run.recipe.get("rows", samples),
            out_of_sample=said.fold >= 0 or (split != "train" and run.kind != OWN_MODEL),
        )
        for said, run, version, samples, split in rows
    ]


def neighbours_in_rank(session: Session, *, run_id: int, rank: int) -> tuple[int | None, int | None]:
    """The samples one rank before and one after."""
    query = select(Prediction.rank, Prediction.sample_id).where(
        Prediction.run_id == run_id, Prediction.rank.in_((rank - 1, rank + 1))
    )
    found = dict(session.execute(query).all())
    return found.get(rank - 1), found.get(rank + 1)


def ranked_sample(sample: Sample, prediction: Prediction) -> RankedSample:
    """The two rows as one value."""
    return RankedSample(
        sample_id=sample.id,
        path=sample.path,
        split=sample.split,
        given_label=sample.given_label,
        label=prediction.label,
        predicted_label=prediction.predicted_label,
        loss=prediction.loss,
        self_confidence=prediction.self_confidence,
        margin=prediction.margin,
        confidence=prediction.confidence,
        error_probability=prediction.error_probability,
        rank=prediction.rank,
        probabilities=prediction.probabilities,
        width=sample.width,
        height=sample.height,
    )
