"""The worklist: label issues still to look at, handed out so that no two annotators hold the same card.

A label issue is a sample whose predicted label differs from the label it was ranked with; the worklist is in the order of
the current ranking (the newest finished run's), without what was decided. Half of what is handed out are samples that wait for
a second opinion, as long as there are any: neither they nor new cards are left for the end. A queue (`queues.py`) offers
something else.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, delete, exists, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.datasets.catalog import class_names, get_sample, lock_dataset
from app.datasets.gold import get_gold_part
from app.datasets.models import Sample
from app.errors import Invalid
from app.ranking.models import Prediction
from app.review.models import Claim, OpenIssue, SampleReview
from app.review.policy import WAITS_FOR_ME, get_policy, is_hidden, may_look_again, seen_blind
from app.review.queues import Queue, mixed, offered, offered_by_chance
from app.schema import UtcDateTime, now
from app.training.runs import current_ranking

MAX_CLAIM = 100
DEFAULT = Queue()


# Asked with every decision, so they are built once: building takes longer than asking.
_MINE = and_(Claim.user_id == bindparam("user"), Claim.lease_until > bindparam("moment"))
_TAKEN = exists().where(Claim.sample_id == OpenIssue.sample_id, Claim.lease_until > bindparam("moment"))
_ISSUES = select(OpenIssue.sample_id).where(OpenIssue.run_id == bindparam("run")).limit(bindparam("most"))
# The sum keeps the planner from walking through all issues by rank in search of a few claims.
_HELD = _ISSUES.where(OpenIssue.sample_id.in_(select(Claim.sample_id).where(_MINE))).order_by(OpenIssue.rank + 0)
_FREE = _ISSUES.where(~_TAKEN).order_by(OpenIssue.rank)
_WAITING = (
    select(SampleReview.sample_id)
    .where(SampleReview.dataset_id == bindparam("dataset"), WAITS_FOR_ME)
    .order_by(SampleReview.decision_id)  # the longest first
    .limit(bindparam("most"))
)
_HELD_AGAIN = _WAITING.where(SampleReview.sample_id.in_(select(Claim.sample_id).where(_MINE)))
_FREE_AGAIN = _WAITING.where(~exists().where(Claim.sample_id == SampleReview.sample_id, Claim.lease_until > bindparam("moment")))
_MY_CLAIMS = select(Claim.sample_id).where(_MINE)
_IN_HANDS = exists().where(Claim.sample_id == Sample.id, Claim.lease_until > bindparam("moment"))
_BLIND = func.coalesce(seen_blind(Sample.id), False)  # the gold part always is
_MY_CARDS = (
    select(Sample, Prediction, SampleReview, _BLIND, Claim.lease_until)
    .join(Claim, Claim.sample_id == Sample.id)
    .join(Prediction, and_(Prediction.sample_id == Sample.id, Prediction.run_id == bindparam("run")))
    .outerjoin(SampleReview, SampleReview.sample_id == Sample.id)
    .where(Claim.dataset_id == bindparam("dataset"), _MINE, Sample.id.not_in(bindparam("known", expanding=True)))
    .where(exists().where(OpenIssue.sample_id == Sample.id, OpenIssue.run_id == bindparam("run")))  # still to be asked
    .order_by(Prediction.rank)
    .limit(bindparam("most"))
)
_MY_SECOND_LOOKS = (
    select(Sample, Prediction, SampleReview, _BLIND, Claim.lease_until)
    .join(Claim, Claim.sample_id == Sample.id)
    .join(SampleReview, SampleReview.sample_id == Sample.id)
    .outerjoin(Prediction, and_(Prediction.sample_id == Sample.id, Prediction.run_id == bindparam("run")))
    .where(Claim.dataset_id == bindparam("dataset"), _MINE, WAITS_FOR_ME, Sample.id.not_in(bindparam("known", expanding=True)))
    .order_by(SampleReview.decision_id)
    .limit(bindparam("most"))
)
_IS_BLIND = select(SampleReview.sample_id).where(SampleReview.sample_id == bindparam("sample"), seen_blind(SampleReview.sample_id))
_IS_HIDDEN = select(Sample.id).where(Sample.id == bindparam("sample"), is_hidden(Sample.id))


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
    blind: bool = False  # a second look, or the gold part: nothing but the image may be shown
    gold: bool = False  # of the gold part, and not settled


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
    if ranking is None and not queue.is_gold:
        return
    lock_dataset(session, dataset_id=dataset_id)
    moment, database = now(), session.connection()
    who = {"run": ranking.run_id if ranking else None, "user": user_id, "moment": moment, "annotators": _gold_looks(session, dataset_id)}
    if not queue.is_default:
        streams = [
            _up_to(database, count, query.where(Sample.id.in_(_MY_CLAIMS)), query.where(~_IN_HANDS), who)
            for query in (each.limit(bindparam("most")) for each in _streams(session, dataset_id, queue))
        ]
        chosen = (mixed(*streams, key=int) if queue.is_mixed else streams[0])[:count]
    else:
        again = _second_looks(session, dataset_id, who, most=count)
        chosen = again[: max(1, count // 2)]
        chosen += _up_to(database, count - len(chosen), _HELD, _FREE, who)
        chosen += again[max(1, count // 2) :][: count - len(chosen)]
    _hold(session, dataset_id=dataset_id, user_id=user_id, sample_ids=chosen, until=moment + lease)


def my_cards(
    session: Session, *, dataset_id: int, user_id: int, limit: int = MAX_CLAIM, known: Collection[int] = (), known_by: str = "",
    queue: Queue = DEFAULT,
) -> Claimed:  # fmt: skip
    """The cards of the queue that an annotator holds now, in its order.

    Without the samples that are `known`, unless it was another ranking that they are known by.
    """
    ranking = current_ranking(session, dataset_id=dataset_id)
    if ranking is None and not queue.is_gold:
        return Claimed(None, None, ())
    run_id, name, samples = (ranking.run_id, ranking.name, ranking.samples) if ranking else (None, "", 0)
    known = known if known_by in ("", name) else ()
    who = {"run": run_id, "dataset": dataset_id, "user": user_id, "moment": now(), "known": list(known), "most": limit}
    if queue.is_default:
        rows = list(session.execute(_MY_CARDS, who))
        policy = get_policy(session, dataset_id=dataset_id)
        if may_look_again(session, policy, user_id=user_id):
            again = session.execute(_MY_SECOND_LOOKS, who | {"annotators": policy.annotators}).all()
            rows = [row for pair in zip_longest(again, rows) for row in pair if row is not None][:limit]
    else:
        asked = who | {"annotators": _gold_looks(session, dataset_id)}
        streams = [session.execute(_cards_of(query), asked).all() for query in _streams(session, dataset_id, queue)]
        rows = (mixed(*streams, key=lambda row: row[0].id) if queue.is_mixed else list(streams[0]))[:limit]
    names = class_names(session, dataset_id=dataset_id)
    found = tuple(
        _card(sample, prediction, review, names, samples, blind=blind or queue.is_gold, gold=queue.is_gold)
        for sample, prediction, review, blind, _ in rows
    )
    gone = set(known) - set(session.connection().scalars(_MY_CLAIMS, who)) if known else set()
    return Claimed(run_id, min((until for *_, until in rows), default=None), found, name, tuple(sorted(gone)))


def get_card(session: Session, *, dataset_id: int, sample_id: int, blind_for: int | None = None) -> Card:
    """Any sample as a card, held or not; blind, if it is of the gold part, or a second look of `blind_for`. Raises NotFound."""
    sample = get_sample(session, sample_id=sample_id, dataset_id=dataset_id)
    ranking = current_ranking(session, dataset_id=dataset_id)
    prediction = session.get(Prediction, (ranking.run_id, sample_id)) if ranking else None
    names = class_names(session, dataset_id=dataset_id)
    blind = blind_for is not None and session.scalar(_IS_BLIND, {"sample": sample_id, "user": blind_for}) is not None
    gold = session.scalar(_IS_HIDDEN, {"sample": sample_id}) is not None
    review = session.get(SampleReview, sample_id)
    return _card(sample, prediction, review, names, ranking.samples if ranking else 0, blind=blind or gold, gold=gold)


def hold(session: Session, *, dataset_id: int, user_id: int, sample_id: int, lease: timedelta) -> None:
    """Take one card back into one's hands (after an undo), unless somebody else holds it."""
    get_sample(session, sample_id=sample_id, dataset_id=dataset_id)
    _hold(session, dataset_id=dataset_id, user_id=user_id, sample_ids=[sample_id], until=now() + lease)


def release(session: Session, *, dataset_id: int | None, user_id: int) -> None:
    """Give the annotator's cards back, of one data set or of all."""
    query = delete(Claim).where(Claim.user_id == user_id)
    session.execute(query if dataset_id is None else query.where(Claim.dataset_id == dataset_id))


def _gold_looks(session: Session, dataset_id: int) -> int:
    """How many annotators look at an image of the gold part; none where there is no such part."""
    part = get_gold_part(session, dataset_id=dataset_id)
    return part.looks if part else 0


def _streams(session: Session, dataset_id: int, queue: Queue) -> list[Select[*tuple[Any, ...]]]:
    """The queries that a queue's cards come from: one, or of a mixed order the ranking's and the random one."""
    queries = [offered(session, dataset_id=dataset_id, queue=queue)]
    return [*queries, offered_by_chance(session, dataset_id=dataset_id, queue=queue)] if queue.is_mixed else queries


def _second_looks(session: Session, dataset_id: int, who: dict[str, Any], *, most: int) -> list[int]:
    """Samples that wait for the annotator's opinion: those already held, then free ones."""
    policy = get_policy(session, dataset_id=dataset_id)
    if not may_look_again(session, policy, user_id=who["user"]):
        return []
    asked = who | {"dataset": dataset_id, "annotators": policy.annotators}
    return _up_to(session.connection(), most, _HELD_AGAIN, _FREE_AGAIN, asked)


def _up_to(
    database: Connection, most: int, held: Select[*tuple[Any, ...]], free: Select[*tuple[Any, ...]], who: dict[str, Any]
) -> list[int]:
    """The ids of `held`, and of `free` so far as these are fewer than `most`."""
    mine = list(database.scalars(held, who | {"most": most}))
    return mine + list(database.scalars(free, who | {"most": most - len(mine)})) if len(mine) < most else mine


def _cards_of(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """The same columns as `_MY_CARDS`, of a queue."""
    return (
        query.with_only_columns(Sample, Prediction, SampleReview, _BLIND, Claim.lease_until)
        .join(Claim, and_(Claim.sample_id == Sample.id, _MINE))
        .where(Sample.id.not_in(bindparam("known", expanding=True)))
        .limit(bindparam("most"))
    )


def _hold(session: Session, *, dataset_id: int, user_id: int, sample_ids: list[int], until: datetime) -> None:
    if not sample_ids:
        return
    rows = [{"sample_id": i, "dataset_id": dataset_id, "user_id": user_id, "lease_until": until, "moment": now()} for i in sample_ids]
    session.connection().execute(_HOLD[session.get_bind().dialect.name], rows)


def _card(
    sample: Sample, prediction: Prediction | None, review: SampleReview | None, names: list[str], samples: int, *, blind: bool = False,
    gold: bool = False,
) -> Card:  # fmt: skip
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
        blind=bool(blind),
        gold=gold,
    )
