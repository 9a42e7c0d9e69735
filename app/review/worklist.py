"""The worklist: label issues still to look at, handed out so that no two annotators hold the same card.

A label issue is a sample whose predicted label differs from the label it was ranked with; the worklist is in the order of
the current ranking (the newest finished run's), without what was decided. An `unsure` is offered to the other annotators.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, delete, exists, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.datasets.catalog import class_names, get_sample, lock_dataset
from app.datasets.models import Sample
from app.errors import Invalid
from app.ranking.models import Prediction
from app.review.models import Claim, SampleReview
from app.schema import now
from app.training.runs import newest_ranked

MAX_CLAIM = 100


@dataclass(frozen=True)
class Card:
    """A sample as an annotator sees it; what the model says is none before the first ranking."""

    sample_id: int
    path: str
    split: str
    width: int
    height: int
    sha256: str
    given_label: str
    run_id: int | None
    rank: int | None
    predicted_label: str | None
    confidence: float | None
    self_confidence: float | None
    margin: float | None
    loss: float | None
    probabilities: tuple[tuple[str, float], ...]  # by class position
    verdict: str | None  # as it stands
    label: str | None  # the cleaned label as it stands; none: deleted


@dataclass(frozen=True)
class Claimed:
    """Cards in an annotator's hands, the most suspicious first."""

    run_id: int | None
    lease_until: datetime | None
    cards: tuple[Card, ...]


def claim(session: Session, *, dataset_id: int, user_id: int, count: int, lease: timedelta) -> Claimed:
    """Hold `count` cards for `lease`: the ones already held, then the next of the worklist. Raises Invalid."""
    if not 1 <= count <= MAX_CLAIM:
        raise Invalid(f"Claim 1 to {MAX_CLAIM} cards at a time.")
    run = newest_ranked(session, dataset_id=dataset_id)
    if run is None:
        return Claimed(None, None, ())
    lock_dataset(session, dataset_id=dataset_id)
    moment = now()
    until = moment + lease
    held = and_(Claim.sample_id == Prediction.sample_id, Claim.user_id == user_id, Claim.lease_until > moment)
    mine = list(session.scalars(_open_issues(run.id, user_id).join(Claim, held).limit(count)))
    others = exists().where(Claim.sample_id == Prediction.sample_id, Claim.lease_until > moment)
    fresh = list(session.scalars(_open_issues(run.id, user_id).where(~others).limit(count - len(mine)))) if len(mine) < count else []
    _hold(session, dataset_id=dataset_id, user_id=user_id, sample_ids=mine + fresh, until=until)
    return my_cards(session, dataset_id=dataset_id, user_id=user_id, limit=count)


def my_cards(session: Session, *, dataset_id: int, user_id: int, limit: int = MAX_CLAIM) -> Claimed:
    """The cards an annotator holds now, in the order of the current ranking."""
    run = newest_ranked(session, dataset_id=dataset_id)
    if run is None:
        return Claimed(None, None, ())
    rows = session.execute(
        select(Sample, Prediction, SampleReview, Claim.lease_until)
        .join(Claim, Claim.sample_id == Sample.id)
        .join(Prediction, and_(Prediction.sample_id == Sample.id, Prediction.run_id == run.id))
        .outerjoin(SampleReview, SampleReview.sample_id == Sample.id)
        .where(Claim.dataset_id == dataset_id, Claim.user_id == user_id, Claim.lease_until > now())
        .order_by(Prediction.rank)
        .limit(limit)
    ).all()
    names = class_names(session, dataset_id=dataset_id)
    cards = tuple(_card(sample, prediction, review, names) for sample, prediction, review, _ in rows)
    return Claimed(run.id, min((until for *_, until in rows), default=None), cards)


def get_card(session: Session, *, dataset_id: int, sample_id: int) -> Card:
    """Any sample as a card, held or not. Raises NotFound."""
    sample = get_sample(session, sample_id=sample_id, dataset_id=dataset_id)
    run = newest_ranked(session, dataset_id=dataset_id)
    prediction = session.get(Prediction, (run.id, sample_id)) if run else None
    names = class_names(session, dataset_id=dataset_id)
    return _card(sample, prediction, session.get(SampleReview, sample_id), names)


def hold(session: Session, *, dataset_id: int, user_id: int, sample_id: int, lease: timedelta) -> None:
    """Take one card back into one's hands (after an undo), unless somebody else holds it."""
    get_sample(session, sample_id=sample_id, dataset_id=dataset_id)
    _hold(session, dataset_id=dataset_id, user_id=user_id, sample_ids=[sample_id], until=now() + lease)


def release(session: Session, *, dataset_id: int | None, user_id: int) -> None:
    """Give the annotator's cards back, of one data set or of all."""
    query = delete(Claim).where(Claim.user_id == user_id)
    session.execute(query if dataset_id is None else query.where(Claim.dataset_id == dataset_id))


def open_to(user_id: int | None) -> ColumnElement[bool]:
    """Whether a ranked sample still waits for this annotator: no verdict yet, or somebody else was unsure."""
    decided = exists().where(
        SampleReview.sample_id == Prediction.sample_id, or_(SampleReview.verdict != "unsure", SampleReview.user_id == user_id)
    )
    return ~decided


def _open_issues(run_id: int, user_id: int) -> Select[int]:
    return (
        select(Prediction.sample_id)
        .where(Prediction.run_id == run_id, Prediction.predicted_label != Prediction.label, open_to(user_id))
        .order_by(Prediction.rank)
    )


def _hold(session: Session, *, dataset_id: int, user_id: int, sample_ids: list[int], until: datetime) -> None:
    if not sample_ids:
        return
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    rows = [{"sample_id": i, "dataset_id": dataset_id, "user_id": user_id, "lease_until": until} for i in sample_ids]
    statement = insert(Claim).values(rows)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["sample_id"],
            set_={"user_id": statement.excluded.user_id, "lease_until": statement.excluded.lease_until},
            where=or_(Claim.user_id == user_id, Claim.lease_until <= now()),  # never out of somebody's hands
        )
    )


def _card(sample: Sample, prediction: Prediction | None, review: SampleReview | None, names: list[str]) -> Card:
    return Card(
        sample_id=sample.id,
        path=sample.path,
        split=sample.split,
        width=sample.width,
        height=sample.height,
        sha256=sample.sha256,
        given_label=names[sample.given_label],
        run_id=prediction.run_id if prediction else None,
        rank=prediction.rank if prediction else None,
        predicted_label=names[prediction.predicted_label] if prediction else None,
        confidence=prediction.confidence if prediction else None,
        self_confidence=prediction.self_confidence if prediction else None,
        margin=prediction.margin if prediction else None,
        loss=prediction.loss if prediction else None,
        # A class that was added after the run has no probability: zip stops at the network's classes.
        probabilities=tuple((name, float(p)) for name, p in zip(names, prediction.probabilities, strict=False)) if prediction else (),
        verdict=review.verdict if review else None,
        label=names[review.label] if review and review.label is not None else None,
    )
