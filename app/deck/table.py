"""Samples as rows of a table: what they are, what people decided, and what the current ranking says."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from app.accounts.models import User
from app.datasets.models import Sample
from app.deck.filters import Filter, matching
from app.ranking.models import Prediction
from app.review.log import is_answer
from app.review.models import Decision, SampleReview

UNREVIEWED, SINGLE, AGREED, ADJUDICATED = "unreviewed", "single", "agreed", "adjudicated"


@dataclass(frozen=True)
class SampleRow:
    """One sample; classes are positions."""

    sample: Sample
    label: int | None  # as it stands; None: deleted
    verdict: str | None
    status: str  # unreviewed, single, agreed (several people), adjudicated
    waits: str  # for: second (look), adjudication; nothing: it is settled
    in_bulk: bool
    reviews: int
    reviewers: tuple[str, ...]  # who has a decision that stands
    decided_at: datetime | None
    prediction: Prediction | None  # of the current ranking
    place: int  # its id or rank, by which the next rows are found


def rows(
    session: Session, *, dataset_id: int, which: Filter, after: int, limit: int, by_rank: bool = False
) -> list[SampleRow]:
    """The samples that match with an id above `after`, in the order of their ids; or the same by rank.

    Raises Invalid for a class or split that does not exist.
    """
    counting = aliased(Decision)  # a filter by annotator looks at decisions too
    place = Prediction.rank if by_rank else Sample.id
    query = (
        matching(session, dataset_id, which)
        .outerjoin(counting, counting.id == SampleReview.decision_id)
        .with_only_columns(Sample, SampleReview, Prediction, counting.origin)
        .where(place > after)
        .order_by(place)
        .limit(limit)
    )
    found = session.execute(query).all()
    names = _reviewers(session, [sample.id for sample, review, *_ in found if review])
    return [
        SampleRow(
            sample=sample,
            label=review.label if review else sample.given_now,
            verdict=review.verdict if review else None,
            status=status_of(review, origin),
            waits=review.waits if review else "",
            in_bulk=bool(review and review.in_bulk),
            reviews=review.reviews if review else 0,
            reviewers=tuple(names.get(sample.id, ())),
            decided_at=review.decided_at if review else None,
            prediction=prediction,
            place=prediction.rank if by_rank else sample.id,
        )
        for sample, review, prediction, origin in found
    ]


def status_of(review: SampleReview | None, origin: str | None) -> str:
    """How sure the state of a sample is, with the origin of the decision that counts."""
    if review is None:
        return UNREVIEWED
    if origin == "adjudication":
        return ADJUDICATED
    return AGREED if review.reviews > 1 and not review.waits else SINGLE


def _reviewers(session: Session, sample_ids: Sequence[int]) -> dict[int, list[str]]:
    """Who has a decision that stands, by sample, in the order of their names."""
    named = (
        select(Decision.sample_id, User.name)
        .join(User, User.id == Decision.user_id)
        .where(Decision.sample_id.in_(sample_ids), is_answer())
        .distinct()
        .order_by(Decision.sample_id, User.name)
    )
    found: dict[int, list[str]] = {}
    for sample_id, name in session.execute(named):
        found.setdefault(sample_id, []).append(name)
    return found
