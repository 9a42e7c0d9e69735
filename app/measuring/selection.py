"""Selection bias: whether a model or chance selected the reviewed hold-out images."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.datasets.gold import HOLD_OUT
from app.datasets.models import DatasetVersion, Sample
from app.datasets.versions import DELETED
from app.measuring.hold_out import UNKNOWN, HoldOut
from app.review.log import is_answer
from app.review.models import Decision
from app.training.evaluation import Rate, rate

# Origins of decisions on images that no model selected. An image that was reviewed both ways counts as
# random.
AT_RANDOM = ("audit", "gold")


@dataclass(frozen=True)
class Selection:
    """How the reviewed hold-out images were selected, and how selection by a model changes a measured error.

    The four rates are of one run without retraining: only labels that a model selected are changed.
    """

    reviewed: int
    by_model: int  # in a worklist, the grid or on its page
    at_random: int
    relabelled: int  # of those selected by a model
    deleted: int
    given: Rate | None
    after_relabels: Rate | None
    after_deletions: Rate | None  # and the deleted ones left out
    deleted_are_wrong: Rate | None  # and the deleted ones counted as errors

    @property
    def flatters(self) -> bool:
        """Whether labels were changed that a model selected."""
        return self.relabelled + self.deleted > 0


def selection(
    session: Session, *, version: DatasetVersion, held: HoldOut, said: NDArray[np.int64]
) -> Selection:
    """The selection of the reviewed hold-out images, and its effect on the run that predicted `said` (n,)."""
    looks = _looks(session, version)
    at_random = {sample for sample, origin in looks if origin in AT_RANDOM}
    by_model = {sample for sample, _ in looks} - at_random
    pointed_at = np.isin(held.ids, sorted(by_model))
    labels = np.where(pointed_at, held.reviewed, held.given)
    gone, known = labels == DELETED, said != UNKNOWN
    relabelled = np.where(gone, held.given, labels)
    kept, wrong = known & ~gone, known & (relabelled != said)
    return Selection(
        reviewed=len(at_random) + len(by_model),
        by_model=len(by_model),
        at_random=len(at_random),
        relabelled=int((~gone & (labels != held.given)).sum()),
        deleted=int(gone.sum()),
        given=rate(int((known & (held.given != said)).sum()), int(known.sum())),
        after_relabels=rate(int(wrong.sum()), int(known.sum())),
        after_deletions=rate(int((wrong & kept).sum()), int(kept.sum())),
        deleted_are_wrong=rate(int((wrong & kept).sum() + (known & gone).sum()), int(known.sum())),
    )


def _looks(session: Session, version: DatasetVersion) -> list[tuple[int, str]]:
    """(sample, origin) of every decision on the hold-out that stood when the version was frozen."""
    rows = session.execute(
        select(Decision.sample_id, Decision.origin)
        .join(Sample, Sample.id == Decision.sample_id)
        .where(
            Decision.dataset_id == version.dataset_id,
            Decision.created_at <= version.created_at,
            Sample.split == HOLD_OUT,
            is_answer(at=version.created_at),
        )
        .distinct()
    )
    return [(sample, origin) for sample, origin in rows]
