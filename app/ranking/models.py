"""Tables of which labels look wrong, and of which images are alike."""

from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ForeignKey, Index, and_, func, or_
from sqlalchemy.orm import Mapped, mapped_column

from app.db.types import Base, FloatVector, now


class _Judgement:
    """A run's prediction for one sample of its version."""

    run_id: Mapped[int] = mapped_column(ForeignKey("run.id", ondelete="CASCADE"), primary_key=True)
    sample_id: Mapped[int] = mapped_column(ForeignKey("sample.id", ondelete="CASCADE"), primary_key=True)
    label: Mapped[int]  # the version's label, which the scores are about
    predicted_label: Mapped[int]
    loss: Mapped[float]  # -log p(label), nats
    self_confidence: Mapped[float]  # p(label)
    margin: Mapped[float]  # p(label) - max p(other), -1…1
    confidence: Mapped[float]  # p(predicted label)
    label_quality: Mapped[float]  # 0…1, low is suspicious; what the ranking is by
    error_probability: Mapped[float | None]  # that the label is wrong; none: ranked before this was kept
    disagreement: Mapped[
        float | None
    ]  # 0…1 among the networks and epochs that judged it; none: ranked before this was kept
    rank: Mapped[int]  # 1 = the most suspicious of the run
    fold: Mapped[int]  # which network said it; -1: the one on the whole training part
    probabilities: Mapped[NDArray[np.float32]] = mapped_column(FloatVector)  # (classes,), by position


class Prediction(_Judgement, Base):
    """Stored once; every later question reads it here."""

    __tablename__ = "prediction"
    __table_args__ = (Index(None, "run_id", "rank", unique=True), Index(None, "sample_id"))


UNJUDGED = 1.0  # the label quality of a sample whose class the network was not trained on
DOUBTED = 0.25  # the error probability from which on a label is an issue, whatever the run itself predicts
IS_ISSUE = and_(
    or_(
        Prediction.predicted_label != Prediction.label,
        func.coalesce(Prediction.error_probability, 0.0) >= DOUBTED,  # other opinions doubt it
    ),
    Prediction.label_quality < UNJUDGED,
)


class StagedPrediction(_Judgement, Base):
    """A ranking that is being written, until it replaces the run's present one in one step."""

    __tablename__ = "staged_prediction"


class ImageMap(Base):
    """A picture of a data set in which images that are alike lie near each other."""

    __tablename__ = "image_map"

    id: Mapped[int] = mapped_column(primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"))
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id", ondelete="CASCADE"), index=True)
    samples: Mapped[int]  # with a place, also those of the gold part
    is_ready: Mapped[bool] = mapped_column(default=False)  # all its places are stored
    made_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (Index(None, "dataset_id", "id"),)


class MapPlace(Base):
    """Where a sample lies on a map: whole numbers from 0 to 9,999 across and down."""

    __tablename__ = "map_place"

    map_id: Mapped[int] = mapped_column(ForeignKey("image_map.id", ondelete="CASCADE"), primary_key=True)
    sample_id: Mapped[int] = mapped_column(ForeignKey("sample.id", ondelete="CASCADE"), primary_key=True)
    x: Mapped[int]
    y: Mapped[int]

    __table_args__ = (Index(None, "sample_id"),)
