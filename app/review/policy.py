"""Second opinions: the policy of a data set, and which samples wait for which annotator."""

from sqlalchemy import ColumnElement, and_, bindparam, exists, func, literal_column, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.accounts.models import User
from app.accounts.roles import REVIEWER, VIEWER, includes
from app.datasets.gold import is_gold, is_visible
from app.datasets.models import Sample
from app.db.compiled import Prepared
from app.db.memory import remember
from app.review.fold import ONE_LOOK, UNDO, Policy
from app.review.log import not_undone
from app.review.models import Decision, ReviewPolicy, SampleReview

WAITS = SampleReview.waits > literal_column("''")  # in the words of the index of these samples

# Every decision runs these, so they are compiled once.
_POLICY = Prepared(
    select(ReviewPolicy.annotators, ReviewPolicy.which, ReviewPolicy.share, ReviewPolicy.who).where(
        ReviewPolicy.dataset_id == bindparam("dataset")
    )
)
_ROLE = Prepared(select(User.role).where(User.id == bindparam("user")))


def get_policy(session: Session, *, dataset_id: int) -> Policy:
    """The data set's policy; by default one annotator per sample."""

    def ask() -> Policy:
        row = _POLICY.one(session, dataset=dataset_id)
        return Policy(*row) if row else ONE_LOOK

    return remember(session, (get_policy, dataset_id), ask)


def count_waiting(session: Session, *, dataset_id: int) -> int:
    """How many samples wait for a second opinion or for adjudication."""
    return session.scalar(select(func.count()).where(SampleReview.dataset_id == dataset_id, WAITS)) or 0


def may_look_again(session: Session, policy: Policy, *, user_id: int) -> bool:
    """Whether an annotator gives second opinions under this policy."""
    return policy.who == "anyone" or includes(_ROLE.scalar(session, user=user_id) or VIEWER, REVIEWER)


def _looked(sample_id: ColumnElement[int] | InstrumentedAttribute[int]) -> ColumnElement[bool]:
    return exists().where(
        Decision.sample_id == sample_id,
        Decision.user_id == bindparam("user"),
        Decision.bulk_id.is_(None),
        not_undone(),
    )


# Whether somebody's answer to a reviewed sample holds, so that nobody is asked about it any more.
SETTLED = and_(SampleReview.waits == "", SampleReview.verdict != "unsure")

# Whether `user` should review a reviewed sample again, if `annotators` review each one. The person who
# answered
# last is never next; with a single answer this is enough, without reading the sample's decisions. Beyond
# `annotators` one more look may end a draw.
WAITS_FOR_ME = and_(
    WAITS,
    SampleReview.user_id != bindparam("user"),
    or_(SampleReview.reviews == 1, ~_looked(SampleReview.sample_id)),
    or_(SampleReview.waits == "second", SampleReview.reviews <= bindparam("annotators")),
    is_visible(SampleReview.sample_id),  # the gold part has looks of its own
)


def seen_blind(sample_id: ColumnElement[int] | InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """Whether `user` sees a reviewed sample blind: it waits, and all answers of the user were blind."""
    return and_(WAITS, ~was_shown(sample_id))


def was_shown(sample_id: ColumnElement[int] | InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """Whether `user` has answered with label and prediction in view; later answers are then not blind."""
    return exists().where(
        Decision.sample_id == sample_id,
        Decision.user_id == bindparam("user"),
        Decision.verdict != UNDO,
        ~Decision.blind,
        Decision.bulk_id.is_(None),
    )


def is_visible_or_settled(
    sample_id: ColumnElement[int] | InstrumentedAttribute[int],
) -> ColumnElement[bool]:
    """Whether a list that joins `SampleReview` may show a sample: the opposite of `is_hidden`."""
    return or_(is_visible(sample_id), SETTLED)


def is_hidden(sample_id: ColumnElement[int] | InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """Whether a sample is of the gold part and not settled: only its image is shown."""
    return and_(is_gold(sample_id), ~exists().where(SampleReview.sample_id == sample_id, SETTLED))


def was_in_view(sample_id: ColumnElement[int] | InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """Whether `user` has ever answered with more than the image in view, alone or in bulk."""
    return exists().where(
        Decision.sample_id == sample_id,
        Decision.user_id == bindparam("user"),
        Decision.verdict != UNDO,
        Decision.moved_from.is_(None),  # who merges classes sees no image
        ~Decision.blind,
    )


# Whether `user` should label an image of the gold part, reviewed or not, if `annotators` label each one.
GOLD_FOR_ME = and_(
    or_(
        SampleReview.sample_id.is_(None),
        SampleReview.waits == "second",
        and_(WAITS, SampleReview.reviews <= bindparam("annotators")),
    ),
    ~_looked(Sample.id),
    ~was_in_view(Sample.id),
)
