"""The worklist: label issues still to look at, handed out so that no two annotators hold the same card.

A label issue is a sample whose predicted label differs from the label it was ranked with, or whose label is
wrong with a probability of a quarter or more by all opinions together. The worklist has the order of the
current ranking (of the newest finished run), without decided samples. Half of the offered samples wait for a
second opinion, as long as there are any, so neither they nor new cards are left for the end. A queue
(`queues.py`) offers other samples.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, zip_longest
from operator import attrgetter
from typing import Any

from sqlalchemy import Select, and_, bindparam, exists, func, select
from sqlalchemy.orm import Session

from app.datasets.catalog import class_names, get_sample, lock_dataset, names_now, refuse_archived
from app.datasets.gold import get_gold_part
from app.datasets.missing import is_lost
from app.datasets.models import Sample
from app.db.compiled import Prepared
from app.db.types import now
from app.deck.queues import Queue, has_look, mixed, offered, offered_by_chance
from app.errors import Invalid, NotFound
from app.ranking.models import Prediction
from app.review import claims, counters
from app.review.claims import MINE
from app.review.desk import Claimant, Held, Place
from app.review.models import Claim, OpenIssue, SampleReview
from app.review.policy import SETTLED, WAITS_FOR_ME, get_policy, is_hidden, may_look_again, seen_blind
from app.training.runs import CurrentRanking, current_ranking

MAX_CLAIM = 100
STILL_FRESH = 0.9  # share of a lease; a card with more than this left is not written again
DEFAULT = Queue()


# Every decision runs these, so they are built once: building takes longer than running.
_WAITING = (
    select(SampleReview.sample_id)
    .where(SampleReview.dataset_id == bindparam("dataset"), WAITS_FOR_ME, ~is_lost(SampleReview.sample_id))
    .order_by(SampleReview.decision_id)  # the longest first
    .limit(bindparam("most"))
)
_HELD_AGAIN = Prepared(_WAITING.where(SampleReview.sample_id.in_(select(Claim.sample_id).where(MINE))))
_FREE_AGAIN = Prepared(
    _WAITING.where(
        ~exists().where(Claim.sample_id == SampleReview.sample_id, Claim.lease_until > bindparam("moment"))
    )
)
_IS_HELD = exists().where(Claim.sample_id == Sample.id, Claim.lease_until > bindparam("moment"))
_MY_SECOND_LOOKS = Prepared(
    select(Claim.sample_id, Claim.lease_until)
    .join(SampleReview, SampleReview.sample_id == Claim.sample_id)
    .where(Claim.dataset_id == bindparam("dataset"), MINE, WAITS_FOR_ME)
    .order_by(SampleReview.decision_id)
)
_CARD = Prepared(
    select(
        Sample.id,
        Sample.path,
        Sample.split,
        Sample.width,
        Sample.height,
        Sample.sha256,
        Sample.given_now.label("given_label"),
        Prediction.run_id,
        Prediction.rank,
        Prediction.predicted_label,
        Prediction.confidence,
        Prediction.self_confidence,
        Prediction.margin,
        Prediction.loss,
        func.coalesce(OpenIssue.error_probability, Prediction.error_probability).label("error_probability"),
        Prediction.probabilities,
        SampleReview.verdict,
        SampleReview.label,
        SampleReview.waits,
        SampleReview.decision_id,
        SampleReview.user_id,
        SampleReview.in_bulk,
    )
    .outerjoin(Prediction, and_(Prediction.sample_id == Sample.id, Prediction.run_id == bindparam("run")))
    .outerjoin(OpenIssue, OpenIssue.of(Sample.id, bindparam("run")))
    .outerjoin(SampleReview, SampleReview.sample_id == Sample.id)
    .where(Sample.id == bindparam("sample"), Sample.dataset_id == bindparam("dataset"))
)
_IS_BLIND = Prepared(
    select(SampleReview.sample_id).where(
        SampleReview.sample_id == bindparam("sample"), seen_blind(SampleReview.sample_id)
    )
)
_IS_HIDDEN = Prepared(select(Sample.id).where(Sample.id == bindparam("sample"), is_hidden(Sample.id)))


@dataclass(frozen=True)
class Card:
    """A sample as an annotator sees it; the model's fields are None before the first ranking."""

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
    error_probability: float | None  # that the given label is wrong
    probabilities: tuple[tuple[str, float], ...]  # by class position
    verdict: str | None  # as it stands
    label: str | None  # the current cleaned label; None: deleted
    blind: bool = False  # a second look, or the gold part: nothing but the image may be shown
    gold: bool = False  # of the gold part, and not settled
    mine: int | None = None  # the id of the decision that stands, if it is the annotator's own and single


@dataclass(frozen=True)
class Claimed:
    """Cards that an annotator holds, the most suspicious first."""

    run_id: int | None
    lease_until: datetime | None
    cards: tuple[Card, ...]
    ranking: str = ""  # which one orders them
    gone: tuple[int, ...] = ()  # samples that were said to be known and are not held any more


def claim(
    session: Session, *, dataset_id: int, user_id: int, count: int, lease: timedelta, queue: Queue = DEFAULT
) -> Claimed:
    """Hold `count` cards for `lease`, as `take` does, and look at them. Raises Invalid."""
    take(session, dataset_id=dataset_id, user_id=user_id, count=count, lease=lease, queue=queue)
    return my_cards(session, dataset_id=dataset_id, user_id=user_id, limit=count, queue=queue)


def take(
    session: Session,
    *,
    dataset_id: int,
    user_id: int,
    count: int,
    lease: timedelta,
    queue: Queue = DEFAULT,
    known_by: str = "",
    shown: int | None = None,
) -> None:
    """Hold `count` cards of the queue for `lease`: first those already held, then the next.

    If `known_by` names another ranking, the cards that are held from it are released first, but for the
    sample `shown`. Raises Invalid.
    """
    if not 1 <= count <= MAX_CLAIM:
        raise Invalid(f"Claim 1 to {MAX_CLAIM} cards at a time.")
    ranking = current_ranking(session, dataset_id=dataset_id)
    if ranking is None and not queue.is_gold:
        return
    lock_dataset(session, dataset_id=dataset_id)
    if ranking and known_by not in ("", ranking.name):
        kept = () if shown is None else (shown,)
        claims.release(session, dataset_id=dataset_id, user_id=user_id, but_for=kept)
    who = Claimant(dataset_id, user_id, ranking.run_id if ranking else None, now())
    until = who.moment + lease
    if not queue.is_plain:
        asked = who._asdict() | _of_gold(session, dataset_id, queue)
        cards = claims.held_cards(session, who)
        streams = [
            _up_to(session, query, asked, held=cards, most=count)
            for query in _streams(session, dataset_id, queue)
        ]
        chosen = (mixed(*streams, key=int) if queue.is_mixed else streams[0])[:count]
        claims.hold(session, who, cards=dict.fromkeys(chosen), until=until, is_placed=False)
        return
    again = _second_looks(session, who, most=count) if not queue.is_audit else []
    some = max(1, count // 2)
    held = {card.sample_id: card for card in claims.held_cards(session, who)}
    next_ones = _next_ones(session, who, held.values(), queue, most=count - len(again[:some]))
    stale = who.moment + STILL_FRESH * lease
    new = {
        sample_id: place
        for sample_id, place in next_ones.items()
        if sample_id not in held or held[sample_id].lease_until <= stale
    }
    more = again[: count - len(next_ones)]
    claims.hold(session, who, cards=dict.fromkeys(more) | new, until=until)


def _next_ones(
    session: Session, who: Claimant, held: Collection[Held], queue: Queue, *, most: int
) -> dict[int, Place]:
    """The cards of a plain queue: those already held, then the next."""
    if queue.is_audit:
        places = {card.sample_id: card.place for card in _in_order(held, queue)}
        places |= claims.next_free(session, who, "random", most=most)
        if has_look(session, dataset_id=who.dataset):
            places = {sample_id: place for sample_id, place in places.items() if _is_drawn(place.random_key)}
        return dict(sorted(places.items(), key=lambda each: (each[1].random_key or 0, each[0]))[:most])
    ranked = {card.sample_id: card.place for card in held if card.rank is not None}
    ranked |= claims.next_free(session, who, "ranked", most=most - len(ranked))
    if queue.is_mixed:
        by_chance = {card.sample_id: card.place for card in held if card.is_by_chance}
        if ranked:
            by_chance |= claims.next_free(session, who, "by chance", most=most - len(by_chance))
        places = ranked | by_chance
        return {
            sample_id: places[sample_id] for sample_id in mixed(list(ranked), list(by_chance), key=int)[:most]
        }
    return dict(islice(ranked.items(), most))


def my_cards(
    session: Session,
    *,
    dataset_id: int,
    user_id: int,
    limit: int = MAX_CLAIM,
    known: Collection[int] = (),
    known_by: str = "",
    queue: Queue = DEFAULT,
) -> Claimed:
    """The cards of the queue that an annotator holds now, in its order.

    Samples in `known` are left out, unless `known_by` names another ranking.
    """
    refuse_archived(session, dataset_id=dataset_id)
    ranking = current_ranking(session, dataset_id=dataset_id)
    if ranking is None and not queue.is_gold:
        return Claimed(None, None, ())
    run_id, name = (ranking.run_id, ranking.name) if ranking else (None, "")
    known = frozenset(known) if known_by in ("", name) else frozenset()
    who = Claimant(dataset_id, user_id, run_id, now())
    held = claims.held_cards(session, who)
    if queue.is_plain:
        cards = _in_order(held, queue)
        if queue.is_audit and has_look(session, dataset_id=dataset_id):
            cards = [card for card in cards if _is_drawn(card.random_key)]
        mine = [(card.sample_id, card.lease_until) for card in cards]
        policy = get_policy(session, dataset_id=dataset_id)
        if (
            not queue.is_audit
            and counters.any_waits(session, dataset_id=dataset_id)
            and may_look_again(session, policy, user_id=user_id)
        ):
            again = _MY_SECOND_LOOKS.rows(session, **who._asdict(), annotators=policy.annotators)
            mine = [row for pair in zip_longest(again, mine) for row in pair if row is not None]
    else:
        asked = who._asdict() | _of_gold(session, dataset_id, queue)
        streams = [
            _held_of(session, query, asked, held=held) for query in _streams(session, dataset_id, queue)
        ]
        leases = {card.sample_id: card.lease_until for card in held}
        chosen = mixed(*streams, key=int) if queue.is_mixed else streams[0]
        mine = [(sample_id, leases[sample_id]) for sample_id in chosen]
    shown = [(sample_id, until) for sample_id, until in mine if sample_id not in known][:limit]
    found = tuple(
        _find_card(session, dataset_id, ranking, sample_id, blind_for=user_id, gold=queue.is_gold)
        for sample_id, _ in shown
    )
    gone = known.difference(card.sample_id for card in held) if known else ()
    return Claimed(run_id, min((until for _, until in shown), default=None), found, name, tuple(sorted(gone)))


def _is_drawn(random_key: int | None) -> bool:
    """Whether an image was drawn for an audit."""
    return random_key is not None and random_key < 0


def _in_order(held: Collection[Held], queue: Queue) -> list[Held]:
    """The held cards of a plain queue, in the order in which they are shown."""
    if queue.is_audit:
        drawn = [card for card in held if card.random_key is not None]
        return sorted(drawn, key=attrgetter("random_key", "sample_id"))
    ranked = [card for card in held if card.rank is not None]
    by_chance = [card for card in held if card.is_by_chance] if queue.is_mixed else []
    return mixed(ranked, by_chance, key=attrgetter("sample_id")) if by_chance else ranked


def get_card(session: Session, *, dataset_id: int, sample_id: int, blind_for: int | None = None) -> Card:
    """Any sample as a card, held or not; blind, if it is of the gold part, or a second look of `blind_for`.

    `blind_for` is the annotator who looks at it. Raises NotFound.
    """
    ranking = current_ranking(session, dataset_id=dataset_id)
    has_gold = get_gold_part(session, dataset_id=dataset_id) is not None
    gold = has_gold and _IS_HIDDEN.one(session, sample=sample_id) is not None
    return _find_card(session, dataset_id, ranking, sample_id, blind_for=blind_for, gold=gold)


def hold(session: Session, *, dataset_id: int, user_id: int, sample_id: int, lease: timedelta) -> None:
    """Hold one card again after an undo, unless another annotator holds it or another answer settles it."""
    get_sample(session, sample_id=sample_id, dataset_id=dataset_id)
    if (
        session.scalar(select(SampleReview.sample_id).where(SampleReview.sample_id == sample_id, SETTLED))
        is not None
    ):
        return
    who = Claimant(dataset_id, user_id, None, now())
    claims.hold(session, who, cards={sample_id: None}, until=who.moment + lease, is_placed=False)


def _of_gold(session: Session, dataset_id: int, queue: Queue) -> dict[str, int]:
    """Extra query parameters of the gold part's queue: how many annotators label each image; else empty."""
    part = get_gold_part(session, dataset_id=dataset_id) if queue.is_gold else None
    return {"annotators": part.looks if part else 0} if queue.is_gold else {}


def _streams(session: Session, dataset_id: int, queue: Queue) -> list[Select[*tuple[Any, ...]]]:
    """The queries for a queue's cards: one, or for a mixed order the ranking's and the random one."""
    queries = [offered(session, dataset_id=dataset_id, queue=queue)]
    return (
        [*queries, offered_by_chance(session, dataset_id=dataset_id, queue=queue)]
        if queue.is_mixed
        else queries
    )


def _second_looks(session: Session, who: Claimant, *, most: int) -> list[int]:
    """Samples that wait for the annotator's opinion: those already held, then free ones."""
    policy = get_policy(session, dataset_id=who.dataset)
    if not counters.any_waits(session, dataset_id=who.dataset) or not may_look_again(
        session, policy, user_id=who.user
    ):
        return []
    asked = who._asdict() | {"annotators": policy.annotators}
    held = _ids(_HELD_AGAIN.rows(session, **asked, most=most))
    return held + _ids(_FREE_AGAIN.rows(session, **asked, most=most - len(held)))


def _up_to(
    session: Session,
    query: Select[*tuple[Any, ...]],
    asked: dict[str, Any],
    *,
    held: Collection[Held],
    most: int,
) -> list[int]:
    """The first samples of a queue's query: those already held, then free ones."""
    mine = _held_of(session, query, asked, held=held)[:most]
    if len(mine) == most:
        return mine
    free = query.where(~_IS_HELD).limit(most - len(mine))
    return mine + list(session.connection().scalars(free, asked))


def _held_of(
    session: Session, query: Select[*tuple[Any, ...]], asked: dict[str, Any], *, held: Collection[Held]
) -> list[int]:
    """The held cards of a queue, in its order; filtered by sample id, so that few rows are read."""
    if not held:
        return []
    wanted = query.where(Sample.id.in_([card.sample_id for card in held]))
    return list(session.connection().scalars(wanted, asked))


def _ids(rows: list[Any]) -> list[int]:
    return [row[0] for row in rows]


def _find_card(
    session: Session,
    dataset_id: int,
    ranking: CurrentRanking | None,
    sample_id: int,
    *,
    blind_for: int | None,
    gold: bool,
) -> Card:
    """The card of a sample with its ranking and state; blind for gold or for that annotator's second look."""
    row = _CARD.one(session, sample=sample_id, dataset=dataset_id, run=ranking.run_id if ranking else None)
    if row is None:
        raise NotFound(f"There is no image {sample_id} here; the page Images shows those there are.")
    names = class_names(session, dataset_id=dataset_id)
    today = names_now(session, dataset_id=dataset_id)  # what is predicted may have been merged since
    again = (
        bool(row.waits)
        and blind_for is not None
        and _IS_BLIND.one(session, sample=sample_id, user=blind_for) is not None
    )
    return Card(
        sample_id=row.id,
        path=row.path,
        split=row.split,
        width=row.width,
        height=row.height,
        sha256=row.sha256,
        given_label=names[row.given_label],
        run_id=row.run_id,
        rank=row.rank,
        ranked=ranking.samples if ranking else 0,
        predicted_label=None if row.predicted_label is None else today[row.predicted_label],
        confidence=row.confidence,
        self_confidence=row.self_confidence,
        margin=row.margin,
        loss=row.loss,
        error_probability=row.error_probability,
        # A class that was added after the run has no probability: zip stops at the network's classes.
        probabilities=()
        if row.probabilities is None
        else tuple(zip(names, row.probabilities.tolist(), strict=False)),
        verdict=row.verdict,
        label=None if row.label is None else names[row.label],
        blind=again or gold,
        gold=gold,
        mine=row.decision_id if row.user_id == blind_for and not row.in_bulk else None,
    )
