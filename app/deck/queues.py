"""The queues of the worklist besides its default: any filter of the grid, in any order.

In random order everything that nobody has decided is offered, not only label issues: an audit, from which
follows how many errors remain. Once an audit has begun, the queue without a filter is its images alone, so
that it ends with the last of them. In every other order it is the label issues that nobody has decided, or
with the state `unreviewed` everything.

In mixed order every card is, with a fixed chance, one drawn at random from the undecided samples that are no
label issue (those come anyway), else the next of the ranking. So a network that is retrained sees corrected
ordinary images too. Chance decides each card anew, so that the place in the deck says nothing. Of a whole
data set the deck ends with the ranking: where no issue is left, nothing is drawn any more.

The gold part is a queue of its own, whatever the filter says, and in no other one.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, and_, bindparam, exists, func, or_, select
from sqlalchemy.orm import Session

from app.datasets.gold import is_visible
from app.datasets.missing import is_lost
from app.datasets.models import GoldMember, Sample
from app.db.compiled import Prepared
from app.db.memory import remember
from app.deck.filters import ORDERS, Filter, Order, matching
from app.ranking.models import Prediction
from app.review.fold import CHANGES
from app.review.models import Audit, AuditSample, OpenIssue, SampleReview
from app.review.policy import GOLD_FOR_ME
from app.training.runs import current_ranking

BY_CHANCE = 0.2  # share of the cards of a mixed order that are drawn at random
T = TypeVar("T")


EVERYTHING = Filter()
_OF_DATASET = Audit.dataset_id == bindparam("dataset")
_ANY_LOOK = Prepared(select(Audit.id).where(_OF_DATASET).limit(1))
_NEWEST_LOOK = Prepared(
    select(
        func.count(AuditSample.sample_id).label("size"),
        func.count(SampleReview.sample_id).label("decided"),
        func.count().filter(or_(*(SampleReview.verdict == verdict for verdict in CHANGES))).label("found"),
    )
    .select_from(AuditSample)
    .outerjoin(SampleReview, SampleReview.sample_id == AuditSample.sample_id)
    .where(AuditSample.audit_id == select(func.max(Audit.id)).where(_OF_DATASET).scalar_subquery())
)


@dataclass(frozen=True)
class Queue:
    """Which cards, and in which order."""

    which: Filter = field(default_factory=Filter)
    order: Order = "rank"

    @property
    def is_plain(self) -> bool:
        """Whether it has no filter and is in the order of rank, at random or mixed.

        Nearly every decision comes from such a queue, so the desk remembers its next cards.
        """
        return self.order in ("rank", "mixed", "random") and self.which == EVERYTHING

    @property
    def is_audit(self) -> bool:
        """Whether it is a random sample of what nobody has decided."""
        return self.order == "random"

    @property
    def is_gold(self) -> bool:
        """Whether it is the gold part, which is looked at blind."""
        return self.order == "gold"

    @property
    def is_mixed(self) -> bool:
        """Whether it is a ranking with random samples in between."""
        return self.order == "mixed"

    @property
    def origin(self) -> str:
        """The origin that is stored with a decision; in a mixed order it depends on the card."""
        return {"random": "audit", "mixed": "mixed"}.get(self.order, "deck")


def offered(session: Session, *, dataset_id: int, queue: Queue) -> Select[*tuple[Any, ...]]:
    """The query of the samples that a queue offers, in its order; of a mixed one those of the ranking.

    Raises Invalid.
    """
    if queue.is_gold:
        return _gold(dataset_id)
    everything = is_offered_whole(queue)
    return (
        matching(session, dataset_id, queue.which)
        .where(
            SampleReview.sample_id.is_(None),
            is_visible(Sample.id),
            ~is_lost(Sample.id),
            *(() if everything else (_is_open_issue(session, dataset_id),)),
        )
        .order_by(*ORDERS[queue.order], Sample.id)
    )


@dataclass(frozen=True)
class RandomLook:
    """The newest audit: how many images were drawn, how many are decided, and of these found to be errors."""

    size: int
    decided: int
    found: int

    @property
    def is_done(self) -> bool:
        """Whether every drawn image is decided."""
        return self.decided == self.size


def newest_look(session: Session, *, dataset_id: int) -> RandomLook | None:
    """The newest audit of a data set; None before the first."""
    if not has_look(session, dataset_id=dataset_id):
        return None
    drawn = _NEWEST_LOOK.one(session, dataset=dataset_id)
    return RandomLook(drawn.size, drawn.decided, drawn.found)


def has_look(session: Session, *, dataset_id: int) -> bool:
    """Whether an audit has begun, so that images are drawn (their random key is below 0)."""
    return remember(
        session,
        (has_look, dataset_id),
        lambda: _ANY_LOOK.one(session, dataset=dataset_id) is not None,
    )


def is_offered_whole(queue: Queue) -> bool:
    """Whether a queue offers all undecided samples that match, not only label issues."""
    return queue.is_audit or (queue.which.state == "unreviewed" and not queue.is_mixed)


def offered_by_chance(session: Session, *, dataset_id: int, queue: Queue) -> Select[*tuple[Any, ...]]:
    """The query of the samples that a mixed order draws from, in random order. Raises Invalid."""
    ordinary = ~_is_open_issue(session, dataset_id)
    return (
        matching(session, dataset_id, queue.which)
        .where(SampleReview.sample_id.is_(None), is_visible(Sample.id), ~is_lost(Sample.id), ordinary)
        .order_by(*ORDERS["random"], Sample.id)
    )


def _is_open_issue(session: Session, dataset_id: int) -> ColumnElement[bool]:
    """Whether a sample is an open label issue of the current ranking."""
    ranking = current_ranking(session, dataset_id=dataset_id)
    run_id = ranking.run_id if ranking else None
    return exists().where(OpenIssue.of(Sample.id, run_id))


def mixed(ranked: Sequence[T], by_chance: Sequence[T], *, key: Callable[[T], int]) -> list[T]:
    """Merge both orders.

    The next one depends only on the two next samples, so the order is always the same.
    """
    result: list[T] = []
    i = j = 0
    while i < len(ranked) and j < len(by_chance):
        if _drawn(key(ranked[i]), key(by_chance[j])):
            result.append(by_chance[j])
            j += 1
        else:
            result.append(ranked[i])
            i += 1
    return [*result, *ranked[i:], *by_chance[j:]]


@lru_cache(maxsize=100_000)  # the same cards are next for answer after answer
def _drawn(ranked: int, by_chance: int) -> bool:
    digest = hashlib.sha256(f"{ranked} {by_chance}".encode()).digest()
    return int.from_bytes(digest[:4], "big") < BY_CHANCE * 2**32


def _gold(dataset_id: int) -> Select[*tuple[Any, ...]]:
    """The samples of the gold part that wait for `user`; no ranking orders them."""
    return (
        select(Sample.id)
        .join(GoldMember, GoldMember.sample_id == Sample.id)
        .outerjoin(SampleReview, SampleReview.sample_id == Sample.id)
        .outerjoin(Prediction, and_(Prediction.sample_id == Sample.id, Prediction.run_id.is_(None)))
        .where(GoldMember.dataset_id == dataset_id, GOLD_FOR_ME, ~is_lost(Sample.id))
        .order_by(*ORDERS["gold"], Sample.id)
    )
