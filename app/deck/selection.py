"""How far the review of a selection is: the counters of a queue that has a filter, or of an audit."""

from dataclasses import dataclass, replace

from sqlalchemy import and_, func, or_, true
from sqlalchemy.orm import Session

from app.datasets.gold import visible_samples
from app.datasets.missing import is_lost
from app.datasets.models import Sample
from app.db.memory import remember
from app.deck.filters import matching
from app.deck.queues import EVERYTHING, Queue, is_offered_whole, newest_look
from app.ranking.models import IS_ISSUE
from app.review import counters
from app.review.fold import CHANGES
from app.review.models import SampleReview

_DECIDED = SampleReview.sample_id.is_not(None)
_CHANGED = or_(*(SampleReview.verdict == verdict for verdict in CHANGES))


@dataclass(frozen=True)
class SelectionProgress:
    """Counts of the images that a queue offers, before and after they were decided."""

    reviewed: int
    left: int
    found: int  # of the reviewed: relabelled or deleted


def selection_progress(session: Session, *, dataset_id: int, queue: Queue) -> SelectionProgress | None:
    """The progress of a queue's own selection; None where it is that of the whole review. Raises Invalid.

    A class of the filter is the label before the review: what was relabelled stays in the selection.
    """
    if queue.is_gold or (queue.which == EVERYTHING and not is_offered_whole(queue)):
        return None
    if queue.is_plain:
        drawn = newest_look(session, dataset_id=dataset_id)
        if drawn is None:
            return _every_image(session, dataset_id)
        return SelectionProgress(drawn.decided, drawn.size - drawn.decided, drawn.found)
    which = replace(
        queue.which,
        state="",
        label="" if queue.which.label and not queue.which.given else queue.which.label,
        given=queue.which.given or queue.which.label,
    )
    is_left = and_(~_DECIDED, ~is_lost(Sample.id))
    query = (
        matching(session, dataset_id, which)
        .where(true() if is_offered_whole(queue) else IS_ISSUE)
        .with_only_columns(
            func.count().filter(_DECIDED),
            func.count().filter(is_left),
            func.count().filter(_CHANGED),
        )
    )
    reviewed, left, found = session.execute(query).one()
    return SelectionProgress(reviewed, left, found)


def _every_image(session: Session, dataset_id: int) -> SelectionProgress:
    """All images of the data set: nothing is counted for each answer."""
    counts = counters.counts(session, dataset_id=dataset_id)

    def ask() -> int:  # the query too is built once: that takes longer than all the rest of the progress
        visible = visible_samples(func.count()).where(Sample.dataset_id == dataset_id, ~is_lost(Sample.id))
        return session.scalar(visible) or 0

    every = remember(session, (selection_progress, dataset_id), ask)
    return SelectionProgress(counts.reviewed, max(0, every - counts.reviewed), counts.found)
