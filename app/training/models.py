"""The tables of runs, epochs and photos."""

from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ForeignKey, Index, Integer, UniqueConstraint, column, false, select, table
from sqlalchemy.orm import Mapped, column_property, mapped_column

from app.db.types import Base, FloatVector, now
from app.ml.recipes import RESNET34, complete
from app.training.names import model_name, name_with_id

TRAINING, FIRST_LOOK, OWN_MODEL = "training", "first look", "own model"  # the kinds of runs
_PARENT = table("run", column("id", Integer), column("number", Integer)).alias("parent")


class Run(Base):
    """One model of one frozen version, whose predictions rank its labels.

    A training has a network of its own, and a parent when it fine-tunes. A first look has none: a pretrained
    network describes the images, and a linear model of these descriptions predicts their classes. An own
    model is a person's: only its predictions are here.
    """

    __tablename__ = "run"

    id: Mapped[int] = mapped_column(primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"))
    number: Mapped[int]  # of its model within the data set, for people; from 1, never changed or used again
    version_id: Mapped[int] = mapped_column(ForeignKey("dataset_version.id"))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("run.id"))
    parent_number: Mapped[int | None] = column_property(  # read only
        select(_PARENT.c.number).where(_PARENT.c.id == parent_id).correlate_except(_PARENT).scalar_subquery()
    )
    job_id: Mapped[str | None] = mapped_column(ForeignKey("job.id"))
    kind: Mapped[str] = mapped_column(default=TRAINING, server_default=TRAINING)
    recipe: Mapped[dict[str, Any]]  # all its values
    # none, imagenet, a file's path, or parent; of a first look the network's name, of an own model the file's
    weights: Mapped[str]
    seed: Mapped[int]
    state: Mapped[str] = mapped_column(default="queued")  # queued, running, finished, failed, cancelled
    note: Mapped[str] = mapped_column(
        default=""
    )  # notes for people: why it failed, what differed from the request
    facts: Mapped[dict[str, Any]] = mapped_column(
        default=dict
    )  # device, library versions, seconds by stage, the gold part's digest
    ranked_epochs: Mapped[int | None]  # epochs of the main network in its ranking; None: not ranked yet
    orders: Mapped[int] = mapped_column(default=0, server_default="0")  # that its worklist has learnt so far
    label_issues: Mapped[int | None]  # samples of its ranking whose label looks wrong
    # clearly more errors on the hold-out than the first look, whose ranking people review then
    is_behind: Mapped[bool] = mapped_column(default=False, server_default=false())
    lr_curve: Mapped[dict[str, Any] | None]  # {"lrs", "losses", "suggestion"}
    created_at: Mapped[datetime] = mapped_column(default=now)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    __table_args__ = (Index(None, "dataset_id", "state"), UniqueConstraint("dataset_id", "number"))

    @property
    def name(self) -> str:
        """What people call its model."""
        return model_name(self.number)

    @property
    def name_with_id(self) -> str:
        """Its name with the id that commands take."""
        return name_with_id(self.number, self.id)

    @property
    def parent_name(self) -> str:
        """What people call the model that it continues; empty: it continues none."""
        return model_name(self.parent_number) if self.parent_number else ""

    @property
    def network(self) -> str:
        """The kind of its network."""
        return str(self.recipe.get("network", RESNET34))

    @property
    def whole_recipe(self) -> dict[str, Any]:
        """The recipe of a training with the fields that later versions added, to compare it with another."""
        return complete(self.recipe) if self.is_training else self.recipe

    @property
    def is_training(self) -> bool:
        """Whether it has, or will have, a network that can be trained further and predict."""
        return self.kind == TRAINING

    @property
    def is_out_of_sample(self) -> bool:
        """Whether an own model had not learnt the labels that it predicts, as its owner says."""
        return bool(self.recipe.get("out_of_sample"))


class Epoch(Base):
    """The results of one epoch of one network of a run."""

    __tablename__ = "epoch"

    run_id: Mapped[int] = mapped_column(ForeignKey("run.id", ondelete="CASCADE"), primary_key=True)
    fold: Mapped[int] = mapped_column(
        primary_key=True, autoincrement=False
    )  # -1: the network on the whole training part
    epoch: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # from 0, through all phases
    train_loss: Mapped[float]
    valid_loss: Mapped[float | None]
    error_rate: Mapped[float | None]
    seconds: Mapped[float]


class Photo(Base):
    """A photo that a person sent to a run's network.

    It never becomes a sample.
    """

    __tablename__ = "photo"

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id", ondelete="CASCADE"))
    job_id: Mapped[str | None] = mapped_column(
        ForeignKey("job.id", ondelete="SET NULL"), index=True
    )  # the job that predicts it
    user_id: Mapped[int | None] = mapped_column(
        ForeignKey("user_account.id", ondelete="SET NULL")
    )  # who sent it last
    name: Mapped[str]  # the name of the sent file, without folders
    sha256: Mapped[str]
    bytes: Mapped[int]
    width: Mapped[int]
    height: Mapped[int]
    mode: Mapped[str]  # Pillow's
    format: Mapped[str]  # Pillow's
    probabilities: Mapped[NDArray[np.float32] | None] = mapped_column(
        FloatVector
    )  # by class position; None: not predicted yet
    problem: Mapped[str] = mapped_column(default="")  # why it could not be predicted
    sent_at: Mapped[datetime] = mapped_column(default=now)  # last

    __table_args__ = (UniqueConstraint("run_id", "sha256"), Index(None, "run_id", "sent_at"))
