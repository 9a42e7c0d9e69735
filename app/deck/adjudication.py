"""Samples whose annotators disagree: their answers side by side, until an adjudication."""

from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.datasets.catalog import names_now
from app.datasets.gold import is_gold
from app.datasets.models import Sample
from app.ranking.models import Prediction
from app.review.log import not_undone
from app.review.models import Decision, SampleReview
from app.training.runs import current_ranking


@dataclass(frozen=True)
class AnnotatorAnswer:
    """One annotator's answer to a sample."""

    who: str
    verdict: str
    label: str | None  # the class in the answer; None: deleted, or unsure
    blind: bool


@dataclass(frozen=True)
class Disagreement:
    """A sample that waits for adjudication."""

    sample_id: int
    path: str
    width: int
    height: int
    gold: bool  # of the gold part: the label and the model's opinion are not shown
    given_label: str
    predicted_label: str | None
    confidence: float | None
    opinions: tuple[AnnotatorAnswer, ...]  # the first answer first, of each annotator the last one


def count_disagreements(session: Session, *, dataset_id: int) -> int:
    """How many samples wait for adjudication."""
    query = select(func.count()).select_from(SampleReview)
    return (
        session.scalar(
            query.where(SampleReview.dataset_id == dataset_id, SampleReview.waits == "adjudication")
        )
        or 0
    )


def disagreements(session: Session, *, dataset_id: int, limit: int) -> list[Disagreement]:
    """The samples that wait for adjudication, the longest waiting first."""
    names, ranking = (
        names_now(session, dataset_id=dataset_id),
        current_ranking(session, dataset_id=dataset_id),
    )
    query = (
        select(Sample, Prediction, is_gold(Sample.id))
        .join(SampleReview, SampleReview.sample_id == Sample.id)
        .outerjoin(
            Prediction,
            (Prediction.sample_id == Sample.id)
            & (Prediction.run_id == (ranking.run_id if ranking else None)),
        )
        .where(SampleReview.dataset_id == dataset_id, SampleReview.waits == "adjudication")
        .order_by(SampleReview.decision_id)
        .limit(limit)
    )
    rows = session.execute(query).all()
    given = {sample.id: sample.given_now for sample, *_ in rows}
    said = _opinions(session, given, names)
    return [
        Disagreement(
            sample_id=sample.id,
            path="" if gold else sample.path,
            width=sample.width,
            height=sample.height,
            gold=gold,
            given_label="" if gold else names[sample.given_now],
            predicted_label=names[prediction.predicted_label] if prediction and not gold else None,
            confidence=prediction.confidence if prediction and not gold else None,
            opinions=tuple(each for each in said[sample.id].values() if each.blind or not gold),
        )
        for sample, prediction, gold in rows
    ]


def _opinions(
    session: Session, given: dict[int, int], names: list[str]
) -> defaultdict[int, dict[int, AnnotatorAnswer]]:
    query = (
        select(Decision, User.name)
        .join(User, User.id == Decision.user_id)
        .where(
            Decision.sample_id.in_(given),
            not_undone(),
            Decision.bulk_id.is_(None),
        )
        .order_by(Decision.id)
    )
    said: defaultdict[int, dict[int, AnnotatorAnswer]] = defaultdict(dict)
    for decision, who in session.execute(query):
        position = {"keep": given[decision.sample_id], "relabel": decision.label}.get(decision.verdict)
        said[decision.sample_id][decision.user_id] = AnnotatorAnswer(
            who, decision.verdict, None if position is None else names[position], decision.blind
        )
    return said
