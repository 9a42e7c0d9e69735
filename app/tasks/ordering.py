"""Orders a worklist by what people have answered and by all that models say of the labels."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.datasets.catalog import class_names
from app.datasets.gold import visible_samples
from app.datasets.models import Sample
from app.db.engine import Database
from app.ranking import opinions
from app.ranking.forecasting import contributions, forecast
from app.ranking.learning import FEWEST, Model, fit
from app.ranking.models import UNJUDGED, Prediction
from app.review.models import Decision, OpenIssue
from app.review.orders import answers_to_learn, publish_order
from app.tasks.opinions import Source, read_opinion, source_of, sources_beside
from app.training.folds import NEVER_TRAINED
from app.training.runs import CurrentRanking, get_run

AHEAD = 100  # cards of the forecast


@dataclass(frozen=True)
class Evidence:
    """What a ranking, and the opinions of other runs beside it, say of all samples but the gold part."""

    ranking: tuple[int, int]  # its run and epochs
    sources: tuple[Source, ...]  # of the opinions
    sample_ids: np.ndarray  # (n,) ascending
    of_samples: opinions.Evidence


def order_worklist(
    database: Database, *, dataset_id: int, ranking: CurrentRanking, before: Evidence | None = None
) -> Evidence | None:
    """Learn from all answers and publish the order; nothing is published while there are too few.

    The answer is the evidence, which costs more to read than to learn from: pass it as `before` next time.
    """
    with database.read() as session:
        newest = session.scalar(select(func.max(Decision.id))) or 0
        answers = answers_to_learn(session, run_id=ranking.run_id)
        if not ranking.order and len(answers) < FEWEST:
            return before
        evidence = _evidence(session, dataset_id, ranking, before)
        if evidence is None:
            return None
        issues = session.scalars(select(OpenIssue.sample_id).where(OpenIssue.run_id == ranking.run_id)).all()
    known = evidence.of_samples
    model = fit(known, *_rows(evidence, answers))
    p = model.probabilities(known)
    open_rows = np.flatnonzero(np.isin(evidence.sample_ids, issues))
    with database.write() as session:
        publish_order(
            session,
            run_id=ranking.run_id,
            probabilities=dict(zip(evidence.sample_ids.tolist(), p.tolist(), strict=True)),
            decision_id=newest,
            answers=model.answers,
            wrong=model.wrong,
            model=model.to_json(),
            facts={"epochs": ranking.epochs} | _facts(evidence, model, p, open_rows),
        )
    return evidence


def _facts(evidence: Evidence, model: Model, p: np.ndarray, open_rows: np.ndarray) -> dict[str, Any]:
    """The forecast of the next cards and of all open issues, and which evidence counts most."""
    known = evidence.of_samples
    following = open_rows[np.argsort(-p[open_rows], kind="stable")[:AHEAD]]
    left = _forecast(model, known, open_rows)
    return {
        "sources": [list(source) for source in evidence.sources],
        "next": _forecast(model, known, following) if len(following) < len(open_rows) else left,
        "left": left,
        "evidence": [[each.name, round(float(each.share), 4)] for each in contributions(model, known)],
    }


def _forecast(model: Model, known: opinions.Evidence, rows: np.ndarray) -> dict[str, float]:
    found = forecast(model, known, rows)
    low, high = found.range
    return {"cards": found.samples, "wrong": round(found.expected, 1), "low": low, "high": high}


def _evidence(
    session: Session, dataset_id: int, ranking: CurrentRanking, before: Evidence | None
) -> Evidence | None:
    """What is known `before`, or read again where the ranking or an opinion is a new one."""
    run = get_run(session, run_id=ranking.run_id)
    sources = (source_of(run), *sources_beside(session, run))
    if before and (before.ranking, before.sources) == ((ranking.run_id, ranking.epochs), sources):
        return before
    return _read(session, dataset_id, ranking, sources)


def _read(
    session: Session, dataset_id: int, ranking: CurrentRanking, sources: tuple[Source, ...]
) -> Evidence | None:
    """The evidence on all samples of a ranking but the gold part."""
    rows = session.execute(
        visible_samples(
            Prediction.sample_id,
            Prediction.label,
            Prediction.label_quality,
            Sample.split,
            key=Prediction.sample_id,
        )
        .join(Sample, Sample.id == Prediction.sample_id)
        .where(Prediction.run_id == ranking.run_id)
        .order_by(Prediction.sample_id)
    ).all()
    if not rows:
        return None
    sample_ids = np.array([row.sample_id for row in rows], np.int64)
    labels = np.array([row.label for row in rows], np.int64)
    classes = len(class_names(session, dataset_id=dataset_id))
    known = opinions.gather(
        [
            read_opinion(session, source, sample_ids=sample_ids, labels=labels, classes=classes)
            for source in sources
        ],
        labels,
        classes=classes,
        hold_out=np.isin([row.split for row in rows], NEVER_TRAINED),
        silent=np.array([row.label_quality >= UNJUDGED for row in rows]),
    )
    return Evidence((ranking.run_id, ranking.epochs), sources, sample_ids, known)


def _rows(evidence: Evidence, answers: list[tuple[int, float]]) -> tuple[np.ndarray, np.ndarray]:
    """The rows of the evidence that are answered (m,), and whether each label was wrong (m,)."""
    answered = np.array([sample_id for sample_id, _ in answers], np.int64)
    wrong = np.array([value for _, value in answers], np.float64)
    there = np.isin(answered, evidence.sample_ids)
    return np.searchsorted(evidence.sample_ids, answered[there]), wrong[there]
