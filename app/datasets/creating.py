"""Creates data sets: the name, and the source of the images."""

import re
from dataclasses import replace
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.datasets.catalog import known_dataset
from app.datasets.models import Dataset, FormerName, Sample
from app.datasets.naming import printable
from app.errors import Conflict, Invalid
from app.spelling import folded
from app.storage import Origin
from app.storage.zip_names import check_encoding, in_words


def create_dataset(session: Session, *, name: str, source: Origin | str) -> Dataset:
    """Create a data set; if one with the same name and source exists, return that to repeat its import.

    Raises Invalid for an invalid name or code page, Conflict when a data set with another source has the
    name.
    """
    check_name(name)
    origin = _checked(source)
    dataset = known_dataset(session, name=name)
    if dataset is None:
        _take_name(session, name, origin)
        dataset = Dataset(name=name, source=origin.source)
        try:
            with session.begin_nested():
                session.add(dataset)
        except IntegrityError as error:
            raise Conflict(
                f"Another person is creating a data set named {name} now; open it, or choose another name."
            ) from error
    elif dataset.source != origin.source and _may_change(session, dataset):
        # Its import failed without any sample, or was not confirmed: another source may replace it.
        dataset.source, dataset.source_name, dataset.zip_encoding = origin.source, None, None
        dataset.layout, dataset.proposals = None, None
    elif dataset.source != origin.source:
        raise Conflict(
            f"The name {name} is taken by the data set from {dataset.origin}; choose another name."
        )
    if origin.zip_encoding not in (None, dataset.zip_encoding):
        if dataset.zip_encoding is not None and not _may_change(session, dataset):
            raise Conflict(
                f"The file names in this zip were read as {in_words(dataset.zip_encoding)} when {name} was "
                "imported; give the data set another name to read them in another code page."
            )
        dataset.zip_encoding = origin.zip_encoding
    dataset.source_name = origin.name or dataset.source_name
    return dataset


def _take_name(session: Session, name: str, origin: Origin) -> None:
    """Let a name that a data set had before be that of a new one. Raises Conflict for the same source."""
    query = select(Dataset).join(FormerName, FormerName.dataset_id == Dataset.id)
    renamed = session.scalar(query.where(FormerName.name == folded(name)))
    if renamed is not None and renamed.source == origin.source:
        raise Conflict(
            f"The data set {name} is named {renamed.name} now; import these images again as {renamed.name}."
        )
    session.execute(delete(FormerName).where(FormerName.name == folded(name)))


def check_name(name: str) -> None:
    """Raises Invalid if this cannot be the name of a data set."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        raise Invalid(
            f"“{printable(name)}” cannot be the name of a data set: use up to 64 letters, digits, dots, "
            "hyphens and underscores, and begin with a letter or digit."
        )


def _checked(source: Origin | str) -> Origin:
    """The origin in a form that every process can open. Raises Invalid."""
    origin = Origin(source) if isinstance(source, str) else source
    if not origin.source.strip():
        raise Invalid("There is nothing to import: give the path of a folder or zip, or a URL.")
    if "://" not in origin.source:  # the worker may run in another folder
        origin = replace(origin, source=str(Path(origin.source).expanduser().resolve()))
    if origin.zip_encoding:
        origin = replace(origin, zip_encoding=check_encoding(origin.zip_encoding))
    return origin


def _may_change(session: Session, dataset: Dataset) -> bool:
    """Whether the import of this data set failed without any sample, or was never confirmed."""
    return dataset.state in ("failed", "waiting") and is_empty(session, dataset)


def is_empty(session: Session, dataset: Dataset) -> bool:
    """Whether the data set has no sample."""
    return session.scalar(select(Sample.id).where(Sample.dataset_id == dataset.id).limit(1)) is None
