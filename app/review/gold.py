"""The gold part: drawn at random from the hold-out, labelled blind, and the labels that follow.

No ranking orders it and no earlier decision counts for it: its members get their given label back when it is
drawn, and another label only from blind answers, or from an admin if these disagree. So the measured error
does not depend on which images the cleaning selected.
"""

from dataclasses import dataclass
from datetime import datetime
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import and_, case, delete, exists, false, func, insert, or_, select
from sqlalchemy.orm import Session, aliased

from app.datasets.catalog import lock_out_decisions
from app.datasets.gold import HOLD_OUT, choose_gold, get_gold_part, gold_digest
from app.datasets.models import GoldMember, GoldPart, Sample
from app.datasets.versions import DELETED
from app.errors import Conflict, Invalid, NotFound
from app.ranking.rankings import count_issues
from app.review import claims, desk
from app.review.corrections import IS_CORRECTION
from app.review.models import OpenIssue, SampleReview
from app.review.policy import GOLD_FOR_ME, SETTLED
from app.review.standing import refold
from app.training.evaluation import Z95
from app.training.models import Run

FEWEST = 20  # images of a hold-out that a gold part can be drawn from; on fewer an interval says nothing
PROPOSED = 500  # images: an interval of about 4 points to either side, for two people an evening
USUAL_ERROR = 0.37  # share that a network gets wrong, until a run of this data set has been measured
LOOKS, MOST_LOOKS = 2, 3
_SIZES = (100, 200, 500, 1000, 2000, 5000)
_MOST = 1000  # rows per statement
_DELETED = SampleReview.label.is_(None)


@dataclass(frozen=True)
class Precision:
    """How exactly an error rate is known from so many images: half the width of its 95 % interval."""

    size: int
    half_width: float


@dataclass(frozen=True)
class GoldStanding:
    """A gold part and how far it is. Counts are of images."""

    size: int
    seed: int
    looks: int
    digest: str
    drawn_at: datetime
    after_run: int | None  # the newest run there was when it was drawn
    settled: int  # blind looks agree, or an admin has decided
    deleted: int  # of these, no image of any class
    ambiguous: int  # one look more than asked for, and still no majority: waits for the last word
    waiting: int  # for a blind look
    for_me: int  # of these, for one of the annotator asked about

    @property
    def is_weak(self) -> bool:
        """Whether one annotator's answer settles an image."""
        return self.looks == 1


@dataclass(frozen=True)
class GoldLabels:
    """The settled images of a gold part, by ascending id; arrays have one entry per image."""

    sample_ids: NDArray[np.int64]  # (n,)
    labels: NDArray[np.int64]  # (n,) class positions; -1: deleted
    given: NDArray[np.int64]  # (n,) class positions
    digest: str  # of the whole part
    size: int  # of the whole part
    settled: int  # n
    waiting: int  # for a look or for the last word


def half_width(size: int, *, error: float = USUAL_ERROR) -> float:
    """Half the width of the 95 % interval of an error rate counted on `size` images, as a share. Pure."""
    return Z95 * sqrt(error * (1 - error) / size)


def precisions(hold_out: int, *, error: float = USUAL_ERROR) -> tuple[Precision, ...]:
    """The precision of each size that a hold-out allows, the whole hold-out last. Pure."""
    sizes = [size for size in _SIZES if size < hold_out] + [hold_out]
    return tuple(Precision(size, half_width(size, error=error)) for size in sizes if size > 0)


def hold_out_size(session: Session, *, dataset_id: int) -> int:
    """How many images a gold part can be drawn from."""
    return (
        session.scalar(select(func.count()).where(Sample.dataset_id == dataset_id, Sample.split == HOLD_OUT))
        or 0
    )


def count_corrected_hold_out(session: Session, *, dataset_id: int) -> int:
    """How many images of the hold-out were relabelled or deleted by decisions that count."""
    corrected = (
        select(func.count()).select_from(SampleReview).join(Sample, Sample.id == SampleReview.sample_id)
    )
    of_hold_out = (
        Sample.dataset_id == dataset_id,
        Sample.split == HOLD_OUT,
        IS_CORRECTION,
    )
    return session.scalar(corrected.where(*of_hold_out)) or 0


def count_unsettled(session: Session, *, dataset_id: int) -> int:
    """How many images of the gold part are not settled, so have their given label; 0 before the draw."""
    standing = gold_standing(session, dataset_id=dataset_id)
    return standing.size - standing.settled if standing else 0


def draw_gold(
    session: Session,
    *,
    dataset_id: int,
    size: int,
    seed: int = 0,
    looks: int = LOOKS,
    user_id: int | None = None,
) -> GoldPart:
    """Draw the gold part of a data set.

    Raises Conflict when there is one, Invalid for a size or looks that make no sense.
    """
    # no decision may be folded by the earlier rules
    lock_out_decisions(session, dataset_id=dataset_id)
    if (before := get_gold_part(session, dataset_id=dataset_id)) is not None:
        raise Conflict(
            f"The checked test set was drawn already, {before.size:,} images, and cannot be drawn again: a "
            "repeated draw could be chosen for its result."
        )
    columns = (Sample.id, Sample.path, Sample.sha256)
    rows = session.execute(
        select(*columns).where(Sample.dataset_id == dataset_id, Sample.split == HOLD_OUT)
    ).all()
    _check(size=size, looks=looks, hold_out=len(rows))
    chosen = choose_gold(
        ((sample_id, path, sha256) for sample_id, path, sha256 in rows), size=size, seed=seed
    )
    members = set(chosen)
    newest = session.scalar(select(func.max(Run.id)).where(Run.dataset_id == dataset_id))
    part = GoldPart(
        dataset_id=dataset_id,
        size=size,
        seed=seed,
        looks=looks,
        user_id=user_id,
        after_run_id=newest,
        digest=gold_digest((path, sha256) for sample_id, path, sha256 in rows if sample_id in members),
    )
    session.add(part)
    session.flush()
    desk.clear(session)  # the missing gold part is remembered too, and the fold below reads it
    session.execute(
        insert(GoldMember), [{"sample_id": sample_id, "dataset_id": dataset_id} for sample_id in chosen]
    )
    for start in range(0, size, _MOST):
        some = chosen[start : start + _MOST]
        session.execute(delete(OpenIssue).where(OpenIssue.sample_id.in_(some)))
        claims.release_cards(session, some)
    desk.apply(session, refold(session, chosen))
    count_issues(session, dataset_id=dataset_id)
    return part


def gold_standing(session: Session, *, dataset_id: int, user_id: int | None = None) -> GoldStanding | None:
    """The progress of the gold part, also for one annotator; None before it is drawn."""
    part = get_gold_part(session, dataset_id=dataset_id)
    if part is None:
        return None
    draw = and_(SampleReview.waits == "adjudication", SampleReview.reviews > part.looks)
    mine = GOLD_FOR_ME if user_id is not None else false()
    columns = [
        func.coalesce(func.sum(case((which, 1), else_=0)), 0)
        for which in (SETTLED, and_(SETTLED, _DELETED), draw, mine)
    ]
    query = (
        select(*columns)
        .select_from(GoldMember)
        .join(Sample, Sample.id == GoldMember.sample_id)
        .outerjoin(SampleReview, SampleReview.sample_id == Sample.id)
        .where(GoldMember.dataset_id == dataset_id)
    )
    settled, deleted, ambiguous, for_me = session.execute(
        query, {"user": user_id, "annotators": part.looks}
    ).one()
    return GoldStanding(
        size=part.size,
        seed=part.seed,
        looks=part.looks,
        digest=part.digest,
        drawn_at=part.drawn_at,
        after_run=part.after_run_id,
        settled=settled,
        deleted=deleted,
        ambiguous=ambiguous,
        waiting=part.size - settled - ambiguous,
        for_me=for_me,
    )


def count_copies(session: Session, *, dataset_id: int) -> int:
    """How many images of the gold part are copies or lookalikes of training images."""
    twin = aliased(Sample)
    keys = (
        (twin.sha256, Sample.sha256),
        (twin.lookalikes, Sample.lookalikes),
    )  # apart, so that each has its index
    has_twin = or_(
        *(
            exists().where(twin.dataset_id == dataset_id, theirs == mine, twin.split == "train")
            for theirs, mine in keys
        )
    )
    members = select(func.count()).select_from(GoldMember).join(Sample, Sample.id == GoldMember.sample_id)
    return session.scalar(members.where(GoldMember.dataset_id == dataset_id, has_twin)) or 0


def gold_labels(session: Session, *, dataset_id: int) -> GoldLabels | None:
    """The labels of the gold part by blind answers; None before it is drawn."""
    part = get_gold_part(session, dataset_id=dataset_id)
    if part is None:
        return None
    rows = session.execute(
        select(Sample.id, func.coalesce(SampleReview.label, DELETED), Sample.given_now)
        .join(GoldMember, GoldMember.sample_id == Sample.id)
        .join(SampleReview, SampleReview.sample_id == Sample.id)
        .where(GoldMember.dataset_id == dataset_id, SETTLED)
        .order_by(Sample.id)
    ).all()
    ids, labels, given = np.array([tuple(row) for row in rows], dtype=np.int64).reshape(-1, 3).T
    return GoldLabels(
        ids,
        labels,
        given,
        digest=part.digest,
        size=part.size,
        settled=len(rows),
        waiting=part.size - len(rows),
    )


def need_gold(standing: GoldStanding | None) -> GoldStanding:
    """The gold part itself. Raises NotFound without one."""
    if standing is None:
        raise NotFound("This data set has no checked test set yet; an admin can create one.")
    return standing


def _check(*, size: int, looks: int, hold_out: int) -> None:
    if not hold_out:
        raise Invalid(
            "This data set has no hold-out to draw a checked test set from; put images into a folder "
            "named valid and import again."
        )
    if hold_out < FEWEST:
        raise Invalid(
            f"The hold-out has {hold_out:,} images; a checked test set needs at least {FEWEST} for useful "
            "figures."
        )
    if not FEWEST <= size <= hold_out:
        raise Invalid(f"Draw {FEWEST} to {hold_out:,} images: that many are in the hold-out.")
    if not 1 <= looks <= MOST_LOOKS:
        raise Invalid(f"1 to {MOST_LOOKS} people can look at one image of the checked test set.")
