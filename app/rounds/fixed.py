"""Labels that were corrected, for the picture at the end of a round."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, zip_longest
from typing import TypeVar

from sqlalchemy.orm import Session

from app.datasets.catalog import names_now
from app.datasets.gold import visible_samples
from app.datasets.missing import is_lost
from app.datasets.models import Sample
from app.review.corrections import IS_CORRECTION
from app.review.models import SampleReview

LATEST = 300  # corrections that a few are chosen from
T = TypeVar("T")


@dataclass(frozen=True)
class FixedLabel:
    """A sample and its label before and after; `after` is None for a deleted one."""

    sample: Sample
    before: str
    after: str | None


def fixed_labels(
    session: Session,
    *,
    dataset_id: int,
    most: int,
    begun: datetime | None = None,
    ended: datetime | None = None,
) -> tuple[FixedLabel, ...]:
    """A few corrections that stand now, some of every kind of change, the newest first.

    None is of the gold part. `begun` and `ended` bound when they were decided. The same decisions give the
    same choice.
    """
    query = (
        visible_samples(Sample, SampleReview.label)
        .join(SampleReview, SampleReview.sample_id == Sample.id)
        .where(SampleReview.dataset_id == dataset_id, IS_CORRECTION, ~is_lost(Sample.id))
        .order_by(SampleReview.decision_id.desc(), Sample.id)
        .limit(LATEST)
    )
    if begun is not None:
        query = query.where(SampleReview.decided_at >= begun)
    if ended is not None:
        query = query.where(SampleReview.decided_at < ended)
    names = names_now(session, dataset_id=dataset_id)
    by_change: dict[tuple[str, str | None], list[FixedLabel]] = defaultdict(list)
    for sample, label in session.execute(query):
        found = FixedLabel(sample, names[sample.given_now], None if label is None else names[label])
        by_change[found.before, found.after].append(found)
    return tuple(take_turns(by_change.values(), most=most))


def take_turns(groups: Iterable[Sequence[T]], *, most: int) -> list[T]:
    """The first of each group, then the second of each, and so on. Pure."""
    rounds = zip_longest(*groups)
    return [each for each in chain.from_iterable(rounds) if each is not None][:most]
