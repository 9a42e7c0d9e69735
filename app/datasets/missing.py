"""The list of image files that are gone or differ from what the import recorded. Every reader updates it.

A sample in the list keeps its decisions. It is left out of training, ranking and the deck until a reader
finds its file again with the recorded content.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from sqlalchemy import ColumnElement, ScalarSelect, delete, exists, func, insert, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.datasets.models import MissingFile, Sample
from app.db.engine import Database
from app.decoding import budget
from app.errors import Conflict, NotFound
from app.storage import UNKNOWN_SIZE, ImageSource, Unreadable

Reason = Literal["missing", "changed", "unreadable"]
SHOWN = 5  # paths in a sentence
AT_ONCE = 500
SAID: dict[str, str] = {
    "missing": "is missing",
    "changed": "has changed since it was imported",
    "unreadable": "cannot be read",
}
WORDS: dict[str, str] = {
    "missing": "The file is missing",
    "changed": "The file has changed",
    "unreadable": "The file cannot be read",
}


class RecordedFile(NamedTuple):
    """What the import recorded about a file."""

    sample_id: int
    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Lost:
    """A sample whose file is missing, changed or unreadable."""

    sample_id: int
    path: str
    reason: Reason

    def __str__(self) -> str:
        """For people."""
        return f"{self.path} {SAID[self.reason]}"


class Changed(Conflict):
    """The file has a different content now."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"The file {path} has changed since it was imported; put the old one back, or import the new one "
            "under another name."
        )


def read_unchanged(source: ImageSource, file: RecordedFile) -> bytes:
    """The file as it was imported. Raises NotFound, Unreadable, Changed."""
    content = source.read(file.path)
    if len(content) != file.bytes or hashlib.sha256(content).hexdigest() != file.sha256:
        raise Changed(file.path)
    return content


def reason_of(error: Exception) -> Reason:
    """Why a file could not be read as it was imported."""
    return (
        "changed"
        if isinstance(error, Changed)
        else "missing"
        if isinstance(error, NotFound)
        else "unreadable"
    )


def look(source: ImageSource, file: RecordedFile, *, content: bool) -> Lost | None:
    """What is wrong with a file: by its size, and with `content` also by its digest."""
    try:
        same = source.size(file.path) in (file.bytes, UNKNOWN_SIZE)
        if same and content:
            with budget.files.share(file.bytes):
                read_unchanged(source, file)
    except (NotFound, Unreadable, Changed) as error:
        return Lost(file.sample_id, file.path, reason_of(error))
    return None if same else Lost(file.sample_id, file.path, "changed")


def files_of(session: Session, *, dataset_id: int, only_lost: bool = False) -> list[RecordedFile]:
    """What the import recorded about the files of a data set, by sample id."""
    query = select(Sample.id, Sample.path, Sample.bytes, Sample.sha256).where(Sample.dataset_id == dataset_id)
    if only_lost:
        query = query.join(MissingFile, MissingFile.sample_id == Sample.id)
    return [RecordedFile(*row) for row in session.execute(query.order_by(Sample.id))]


def mark(
    session: Session, *, dataset_id: int, lost: Iterable[Lost], found: Collection[int] = ()
) -> list[int]:
    """Add lost files to the list and remove found ones; return the newly listed samples."""
    reasons = {each.sample_id: each.reason for each in lost}
    known: dict[int, str] = dict(
        session.execute(
            select(MissingFile.sample_id, MissingFile.reason).where(MissingFile.dataset_id == dataset_id)
        ).all()
    )
    gone = [i for i in (*found, *(i for i, why in reasons.items() if known.get(i, why) != why)) if i in known]
    for start in range(0, len(gone), AT_ONCE):
        session.execute(delete(MissingFile).where(MissingFile.sample_id.in_(gone[start : start + AT_ONCE])))
    new = {i: why for i, why in reasons.items() if known.get(i) != why}
    if new:
        rows = [{"sample_id": i, "dataset_id": dataset_id, "reason": why} for i, why in new.items()]
        session.execute(insert(MissingFile), rows)
    return [i for i in new if i not in known]


def is_lost(sample_id: ColumnElement[int] | InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """Whether a sample is in the list."""
    return exists().where(MissingFile.sample_id == sample_id)


def lost_for(sample_id: ColumnElement[int] | InstrumentedAttribute[int]) -> ScalarSelect[str]:
    """Why a sample is in the list; null if it is not."""
    return select(MissingFile.reason).where(MissingFile.sample_id == sample_id).scalar_subquery()


def count_missing(session: Session, *, dataset_id: int) -> int:
    """How many samples of the data set are in the list."""
    query = select(func.count()).select_from(MissingFile).where(MissingFile.dataset_id == dataset_id)
    return session.scalar(query) or 0


def missing_files(
    session: Session, *, dataset_id: int, limit: int = 1000, after: int = 0
) -> list[tuple[MissingFile, str]]:
    """The list with paths, by sample id, from the first id above `after` on."""
    query = select(MissingFile, Sample.path).join(Sample, Sample.id == MissingFile.sample_id)
    mine = (MissingFile.dataset_id == dataset_id, MissingFile.sample_id > after)
    return [(row[0], row[1]) for row in session.execute(query.where(*mine).order_by(Sample.id).limit(limit))]


def look_again(database: Database, *, dataset_id: int, source: ImageSource) -> tuple[int, int]:
    """Check the files in the list again; return how many were found and how many are still lost."""
    with database.read() as session:
        files = files_of(session, dataset_id=dataset_id, only_lost=True)
    seen = [(file, look(source, file, content=True)) for file in files]
    lost = [each for _, each in seen if each]
    found = [file.sample_id for file, each in seen if each is None]
    with database.write() as session:
        mark(session, dataset_id=dataset_id, lost=lost, found=found)
    return len(found), len(lost)


def in_a_sentence(lost: Collection[Lost]) -> str:
    """“a.png is missing, b.png has changed since it was imported and 3 more”."""
    shown = ", ".join(map(str, list(lost)[:SHOWN]))
    return f"{shown} and {len(lost) - SHOWN:,} more" if len(lost) > SHOWN else shown


def left_out_words(lost: Collection[Lost]) -> str:
    """A sentence about samples that were left out; empty if there are none."""
    if not lost:
        return ""
    few = "1 image was left out" if len(lost) == 1 else f"{len(lost):,} images were left out"
    return f"{few}: {in_a_sentence(lost)}. Put the files back, so that the next training uses them."


def by_sample(lost: Iterable[Lost]) -> Mapping[int, Lost]:
    """The lost samples by their ids."""
    return {each.sample_id: each for each in lost}
