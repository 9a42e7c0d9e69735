"""The worklist: label issues still to look at, handed out so that no two annotators hold the same card.

A label issue is a sample whose predicted label differs from the label it was ranked with; the worklist is in the order of
the current ranking (the newest finished run's), without what was decided. An `unsure` is offered to the other annotators.
A queue (`queues.py`) offers something else.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, and_, bindparam, delete, exists, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.datasets.catalog import class_names, get_sample, lock_dataset
from app.datasets.models import Sample
from app.errors import Invalid
from app.ranking.models import Prediction
from app.review.models import Claim, OpenIssue, SampleReview, was_unsure
from app.review.queues import Queue, offered
from app.schema import UtcDateTime, now
from app.training.runs import current_ranking

MAX_CLAIM = 100
DEFAULT = Queue()


# Asked with every decision, so they are built once: building takes longer than asking.
_MINE = and_(Claim.user_id == bindparam("user"), Claim.lease_until > bindparam("moment"))
_TAKEN = exists().where(Claim.sample_id == OpenIssue.sample_id, Claim.lease_until > bindparam("moment"))
_ISSUES = select(OpenIssue.sample_id).where(OpenIssue.run_id == bindparam("run"), ~was_unsure(OpenIssue.sample_id)).limit(bindparam("most"))
# The sum keeps the planner from walking through all issues by rank in search of a few claims.
_HELD = _ISSUES.where(OpenIssue.sample_id.in_(select(Claim.sample_id).where(_MINE))).order_by(OpenIssue.rank + 0)
_FREE = _ISSUES.where(~_TAKEN).order_by(OpenIssue.rank)
_MY_CLAIMS = select(Claim.sample_id).where(_MINE)
_IN_HANDS = exists().where(Claim.sample_id == Sample.id, Claim.lease_until > bindparam("moment"))
_MY_CARDS = (
    select(Sample, Prediction, SampleReview, Claim.lease_until)
    .join(Claim, Claim.sample_id == Sample.id)
    .join(Prediction, and_(Prediction.sample_id == Sample.id, Prediction.run_id == bindparam("run")))
    .outerjoin(SampleReview, SampleReview.sample_id == Sample.id)
    .where(Claim.dataset_id == bindparam("dataset"), _MINE, Sample.id.not_in(bindparam("known", expanding=True)))
    .where(exists().where(OpenIssue.sample_id == Sample.id, OpenIssue.run_id == bindparam("run")))  # still to be asked
    .order_by(Prediction.rank)
    .limit(bindparam("most"))
)


def _hold_statement(insert: Any) -> Any:
    columns = ("sample_id", "dataset_id", "user_id", "lease_until")
    statement = insert(Claim.__table__).values({name: bindparam(name) for name in columns})
    return statement.on_conflict_do_update(
        index_elements=["sample_id"],
        set_={"user_id": statement.excluded.user_id, "lease_until": statement.excluded.lease_until},
        # never out of somebody's hands
        where=or_(Claim.user_id == statement.excluded.user_id, Claim.lease_until <= bindparam("moment", type_=UtcDateTime())),
    )


_HOLD = {"sqlite": _hold_statement(sqlite.insert), "postgresql": _hold_statement(postgresql.insert)}


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
    ranked: int  # samples in that ranking
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
    ranking: str = ""  # which one orders them
    gone: tuple[int, ...] = ()  # samples that were said to be known and are not held any more


def claim(session: Session, *, dataset_id: int, user_id: int, count: int, lease: timedelta, queue: Queue = DEFAULT) -> Claimed:
    """Hold `count` cards for `lease`, as `take` does, and look at them. Raises Invalid."""
    take(session, dataset_id=dataset_id, user_id=user_id, count=count, lease=lease, queue=queue)
    return my_cards(session, dataset_id=dataset_id, user_id=user_id, limit=count, queue=queue)


def take(session: Session, *, dataset_id: int, user_id: int, count: int, lease: timedelta, queue: Queue = DEFAULT) -> None:
    """Hold `count` cards for `lease`: of the queue the ones already held, then the next. Raises Invalid."""
    if not 1 <= count <= MAX_CLAIM:
        raise Invalid(f"Claim 1 to {MAX_CLAIM} cards at a time.")
    ranking = current_ranking(session, dataset_id=dataset_id)
    if ranking is None:
        return
    lock_dataset(session, dataset_id=dataset_id)
    moment, database = now(), session.connection()
    who = {"run": ranking.run_id, "user": user_id, "moment": moment}
    if queue.is_default:
        held, free = _HELD, _FREE
    else:
        query = offered(session, dataset_id=dataset_id, queue=queue).limit(bindparam("most"))
        held, free = query.where(Sample.id.in_(_MY_CLAIMS)), query.where(~_IN_HANDS)
    mine = list(database.scalars(held, who | {"most": count}))
    fresh = list(database.scalars(free, who | {"most": count - len(mine)})) if len(mine) < count else []
    _hold(session, dataset_id=dataset_id, user_id=user_id, sample_ids=mine + fresh, until=moment + lease)


def my_cards(
    session: Session, *, dataset_id: int, user_id: int, limit: int = MAX_CLAIM, known: Collection[int] = (), known_by: str = "",
    queue: Queue = DEFAULT,
) -> Claimed:  # fmt: skip
    """The cards of the queue that an annotator holds now, in its order.

    Without the samples that are `known`, unless it was another ranking that they are known by.
    """
    ranking = current_ranking(session, dataset_id=dataset_id)
    if ranking is None:
        return Claimed(None, None, ())
    known = known if known_by in ("", ranking.name) else ()
    who = {"run": ranking.run_id, "dataset": dataset_id, "user": user_id, "moment": now(), "known": list(known), "most": limit}
    cards = _MY_CARDS if queue.is_default else _cards_of(offered(session, dataset_id=dataset_id, queue=queue))
    rows = session.execute(cards, who).all()
    names = class_names(session, dataset_id=dataset_id)
    found = tuple(_card(sample, prediction, review, names, ranking.samples) for sample, prediction, review, _ in rows)
    gone = set(known) - set(session.connection().scalars(_MY_CLAIMS, who)) if known else set()
    return Claimed(ranking.run_id, min((until for *_, until in rows), default=None), found, ranking.name, tuple(sorted(gone)))


def get_card(session: Session, *, dataset_id: int, sample_id: int) -> Card:
    """Any sample as a card, held or not. Raises NotFound."""
    sample = get_sample(session, sample_id=sample_id, dataset_id=dataset_id)
    ranking = current_ranking(session, dataset_id=dataset_id)
    prediction = session.get(Prediction, (ranking.run_id, sample_id)) if ranking else None
    names = class_names(session, dataset_id=dataset_id)
    return _card(sample, prediction, session.get(SampleReview, sample_id), names, ranking.samples if ranking else 0)


def hold(session: Session, *, dataset_id: int, user_id: int, sample_id: int, lease: timedelta) -> None:
    """Take one card back into one's hands (after an undo), unless somebody else holds it."""
    get_sample(session, sample_id=sample_id, dataset_id=dataset_id)
    _hold(session, dataset_id=dataset_id, user_id=user_id, sample_ids=[sample_id], until=now() + lease)


def release(session: Session, *, dataset_id: int | None, user_id: int) -> None:
    """Give the annotator's cards back, of one data set or of all."""
    query = delete(Claim).where(Claim.user_id == user_id)
    session.execute(query if dataset_id is None else query.where(Claim.dataset_id == dataset_id))


def _cards_of(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """The same columns as `_MY_CARDS`, of a queue."""
    return (
        query.with_only_columns(Sample, Prediction, SampleReview, Claim.lease_until)
        .join(Claim, and_(Claim.sample_id == Sample.id, _MINE))
        .where(Sample.id.not_in(bindparam("known", expanding=True)))
        .limit(bindparam("most"))
    )


def _hold(session: Session, *, dataset_id: int, user_id: int, sample_ids: list[int], until: datetime) -> None:
    if not sample_ids:
        return
    rows = [{"sample_id": i, "dataset_id": dataset_id, "user_id": user_id, "lease_until": until, "moment": now()} for i in sample_ids]
    session.connection().execute(_HOLD[session.get_bind().dialect.name], rows)


def _card(sample: Sample, prediction: Prediction | None, review: SampleReview | None, names: list[str], samples: int) -> Card:
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
        ranked=samples,
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
