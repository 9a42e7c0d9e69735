"""The numbers of models: each data set counts its own from 1, first looks and own models too."""

from collections.abc import Iterable

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.datasets.models import Dataset
from app.training.models import Run
from app.training.names import model_name


def next_number(session: Session, *, dataset_id: int) -> int:
    """The number of a run that this transaction adds; the data set is locked until the transaction ends.

    A number is never used again, whatever is removed.
    """
    counted = (
        update(Dataset)
        .where(Dataset.id == dataset_id)
        .values(runs_made=Dataset.runs_made + 1)
        .returning(Dataset.runs_made)
    )
    return session.scalars(counted).one()


def names_of_models(session: Session, *, run_ids: Iterable[int]) -> dict[int, str]:
    """What people call the models of these runs, by the runs' ids; of those that are there."""
    rows = session.execute(select(Run.id, Run.number).where(Run.id.in_(set(run_ids))))
    return {run_id: model_name(number) for run_id, number in rows}
