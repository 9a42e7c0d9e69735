"""What the worklist offers when somebody asks for more than its default: any filter of the grid, in any order.

In random order everything that nobody has decided is offered, not only label issues: an audit, from which follows how many
errors remain. In every other order it is the label issues that nobody has decided, or with the state `unreviewed` everything.

The gold part is a queue of its own, whatever the filter says, and in no other one.
"""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select, and_, select
from sqlalchemy.orm import Session

from app.datasets.gold import is_gold
from app.datasets.models import GoldMember, Sample
from app.ranking.models import Prediction
from app.review.grid import ORDERS, STATES, Filter, Order, matching
from app.review.models import SampleReview
from app.review.policy import GOLD_FOR_ME


@dataclass(frozen=True)
class Queue:
    """Which cards, and in which order."""

    which: Filter = field(default_factory=Filter)
    order: Order = "rank"

    @property
    def is_default(self) -> bool:
        """Whether it is simply the ranking."""
        return self == Queue()

    @property
    def is_audit(self) -> bool:
        """Whether it is a random sample of what nobody has decided."""
        return self.order == "random"

    @property
    def is_gold(self) -> bool:
        """Whether it is the gold part, which is looked at blind."""
        return self.order == "gold"


def offered(session: Session, *, dataset_id: int, queue: Queue) -> Select[*tuple[Any, ...]]:
    """The query of the samples that a queue offers, in its order. Raises Invalid."""
    if queue.is_gold:
        return _gold(dataset_id)
    everything = queue.is_audit or queue.which.state == "unreviewed"
    return (
        matching(session, dataset_id, queue.which)
        .where(SampleReview.sample_id.is_(None), ~is_gold(Sample.id), *(() if everything else (STATES["issues"],)))
        .order_by(*ORDERS[queue.order], Sample.id)
    )


def _gold(dataset_id: int) -> Select[*tuple[Any, ...]]:
    """What of the gold part waits for `user`; no ranking has a say in it."""
    return (
        select(Sample.id)
        .join(GoldMember, GoldMember.sample_id == Sample.id)
        .outerjoin(SampleReview, SampleReview.sample_id == Sample.id)
        .outerjoin(Prediction, and_(Prediction.sample_id == Sample.id, Prediction.run_id.is_(None)))
        .where(GoldMember.dataset_id == dataset_id, GOLD_FOR_ME)
        .order_by(*ORDERS["gold"], Sample.id)
    )
