"""Rankings: stored once per run, read by everyone after."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from app.datasets.models import Sample
from app.ranking.models import Prediction
from app.ranking.scoring import Floats, Ints, ranks, score

BATCH = 2000  # rows a transaction: about 0.1 s in which no other writer gets through


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
    rank: int
    probabilities: NDArray[np.float32]
    width: int
    height: int


def ranking_rows(
    run_id: int, *, sample_ids: Ints, paths: list[str], labels: Ints, log_probs: Floats, folds: Ints
) -> Iterator[dict[str, Any]]:
    """The rows of a run's ranking: (n,) ids, labels and folds, (n, classes) log-probabilities."""
    scores = score(log_probs, labels)
    places = ranks(scores.loss, paths)
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
            "rank": int(places[i]),
            "fold": int(folds[i]),
            "probabilities": probabilities[i],
        }


def clear_ranking(session: Session, *, run_id: int) -> None:
    """Forget what was stored of a run's ranking."""
    session.execute(delete(Prediction).where(Prediction.run_id == run_id))


def add_to_ranking(session: Session, *, rows: list[dict[str, Any]]) -> None:
    """Store rows of a ranking; nobody sees it before its run is finished."""
    session.execute(insert(Prediction), rows)


def top_losses(session: Session, *, run_id: int, label: int | None = None, after: int = 0, limit: int = 20) -> list[RankedSample]:
    """The run's samples from rank `after` + 1 on, all of them or those labelled with one class."""
    query = (
        select(Prediction, Sample)
        .join(Sample, Sample.id == Prediction.sample_id)
        .where(Prediction.run_id == run_id, Prediction.rank > after)
        .order_by(Prediction.rank)
        .limit(limit)
    )
    if label is not None:
        query = query.where(Prediction.label == label)
    return [ranked_sample(sample, prediction) for prediction, sample in session.execute(query)]


def prediction_of(session: Session, *, run_id: int, sample_id: int) -> Prediction | None:
    """What a run says of a sample; none when the sample was not in its version."""
    return session.get(Prediction, (run_id, sample_id))


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
        rank=prediction.rank,
        probabilities=prediction.probabilities,
        width=sample.width,
        height=sample.height,
    )
