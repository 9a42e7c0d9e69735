"""A draw of the gold part undoes corrections and is final, so the caller states how many it expects."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.accounts.roles import VIEWER
from app.datasets.gold import HOLD_OUT
from app.datasets.models import GoldPart, Sample
from app.errors import Conflict
from app.review.gold import LOOKS, count_corrected_hold_out, draw_gold
from app.review.models import SampleReview


@dataclass(frozen=True)
class Drawn:
    """A gold part just drawn. Counts are of its images."""

    part: GoldPart
    decided: int  # whose decisions no longer count
    corrections: int  # of these, back at the given label
    people: int  # who may label them


def draw_counted(
    session: Session,
    *,
    dataset_id: int,
    size: int,
    seed: int = 0,
    looks: int = LOOKS,
    user_id: int | None = None,
    expected: int | None = None,
) -> Drawn:
    """Draw the gold part, and count the corrections that this reverts.

    Raises as `draw_gold` does, and Conflict when it reverts another number of corrections than `expected`:
    the caller must then roll back the transaction, so that nothing is drawn.
    """
    decided, corrections = (
        _decided(session, dataset_id),
        count_corrected_hold_out(session, dataset_id=dataset_id),
    )
    part = draw_gold(session, dataset_id=dataset_id, size=size, seed=seed, looks=looks, user_id=user_id)
    taken_back = corrections - count_corrected_hold_out(session, dataset_id=dataset_id)
    if expected not in (None, taken_back):
        raise Conflict(
            f"This draw reverts {taken_back:,} correction{'' if taken_back == 1 else 's'}, not {expected:,}; "
            "nothing was drawn. A draw is final: state the right number to continue."
        )
    return Drawn(part, decided - _decided(session, dataset_id), taken_back, count_people(session))


def count_people(session: Session) -> int:
    """How many people may label images: who can sign in and is no viewer."""
    labels = (User.active, User.password_hash != "", User.role != VIEWER)
    return session.scalar(select(func.count()).where(*labels)) or 0


def _decided(session: Session, dataset_id: int) -> int:
    """Images of the hold-out with a decision that counts."""
    query = select(func.count()).select_from(SampleReview).join(Sample, Sample.id == SampleReview.sample_id)
    return session.scalar(query.where(Sample.dataset_id == dataset_id, Sample.split == HOLD_OUT)) or 0
