"""The hold-out as arrays: labels of a version, predictions of runs.

The hold-out is the validation part, which never trains.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from app.datasets.gold import HOLD_OUT
from app.datasets.models import Sample, VersionLabel
from app.datasets.versions import DELETED, given_in_version, label_in_version
from app.db.memory import remember
from app.ranking.models import Prediction

UNKNOWN = -2  # the run has no prediction for the sample

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class HoldOut:
    """The hold-out samples of a data set by ascending id, with their given labels and those of a version."""

    ids: Ints  # (n,)
    given: Ints  # (n,)
    reviewed: Ints  # (n,), DELETED where there is none


def hold_out(session: Session, *, dataset_id: int, version_id: int) -> HoldOut:
    """Every hold-out sample, the deleted ones too."""

    def ask() -> HoldOut:
        rows = session.execute(
            select(Sample.id, given_in_version(), func.coalesce(label_in_version(), DELETED))
            .outerjoin(
                VersionLabel, and_(VersionLabel.sample_id == Sample.id, VersionLabel.version_id == version_id)
            )
            .where(Sample.dataset_id == dataset_id, Sample.split == HOLD_OUT)
            .order_by(Sample.id)
        ).all()
        return HoldOut(*np.array([tuple(row) for row in rows], dtype=np.int64).reshape(-1, 3).T)

    return remember(session, (hold_out, dataset_id, version_id), ask)


def predicted(session: Session, *, run_id: int, ids: Ints) -> Ints:
    """A run's predictions for samples (n,); UNKNOWN outside the hold-out or the run's version."""

    def ask() -> Ints:
        rows = session.execute(
            select(Prediction.sample_id, Prediction.predicted_label)
            .join(Sample, Sample.id == Prediction.sample_id)
            .where(Prediction.run_id == run_id, Sample.split != "train")
            .order_by(Prediction.sample_id)
        ).all()
        return np.array([tuple(row) for row in rows], dtype=np.int64).reshape(-1, 2)

    said = remember(session, (predicted, run_id), ask)
    places = np.searchsorted(said[:, 0], ids)
    found = np.full(len(ids), UNKNOWN, np.int64)
    inside = places < len(said)
    inside[inside] = said[places[inside], 0] == ids[inside]
    found[inside] = said[places[inside], 1]
    return found
