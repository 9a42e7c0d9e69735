"""What the worklist offers when somebody asks for more than its default: any filter of the grid, in any order.

In random order everything that nobody has decided is offered, not only label issues: an audit, from which follows how many
errors remain. In every other order it is the label issues that nobody has decided, or with the state `unreviewed` everything.
"""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select
from sqlalchemy.orm import Session

from app.datasets.models import Sample
from app.review.grid import ORDERS, STATES, Filter, Order, matching
from app.review.models import SampleReview


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


def offered(session: Session, *, dataset_id: int, queue: Queue) -> Select[*tuple[Any, ...]]:
    """The query of the samples that a queue offers, in its order. Raises Invalid."""
    everything = queue.is_audit or queue.which.state == "unreviewed"
    return (
        matching(session, dataset_id, queue.which)
        .where(SampleReview.sample_id.is_(None), *(() if everything else (STATES["issues"],)))
        .order_by(*ORDERS[queue.order], Sample.id)
    )
