"""Data sets are renamed and archived."""

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.datasets.catalog import known_dataset, lock_dataset
from app.datasets.creating import check_name
from app.datasets.models import Dataset, FormerName
from app.db.types import now
from app.errors import Conflict
from app.spelling import folded


def rename_dataset(session: Session, dataset: Dataset, *, name: str) -> bool:
    """Give a data set another name, and say whether it had another; addresses with the old one lead to it.

    Raises Invalid for a name that cannot be, Conflict if another data set has it.
    """
    check_name(name)
    lock_dataset(session, dataset_id=dataset.id)
    other = known_dataset(session, name=name)
    if other is not None and other.id != dataset.id:
        raise Conflict(f"There is the data set {other.name} already; choose another name.")
    if name == dataset.name:
        return False
    before = dataset.name
    session.execute(delete(FormerName).where(FormerName.name.in_((folded(name), folded(before)))))
    if folded(before) != folded(name):
        session.add(FormerName(name=folded(before), dataset_id=dataset.id))
    dataset.name = name
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict(f"There is a data set {name} already; choose another name.") from error
    return True


def archive_dataset(dataset: Dataset, *, archived: bool) -> bool:
    """Hide a data set from lists and the deck, or bring it back; whether it was not so before."""
    if archived == (dataset.archived_at is not None):
        return False
    dataset.archived_at = now() if archived else None
    return True
