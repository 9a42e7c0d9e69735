"""Reads a label file for the images of a data set, before anything is written."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.datasets.label_reading import LabelFiles, StatedLabels
from app.datasets.labels.finding import stated
from app.datasets.labels.placing import WITHOUT, by_labels
from app.datasets.layout import Layout
from app.datasets.layout_reading import Reading
from app.datasets.models import Sample
from app.errors import Invalid


@dataclass(frozen=True)
class ReadLabels:
    """A label file that was read for the images of a data set."""

    file: LabelFiles
    layout: Layout
    sha256: str  # of its content


def paths_of(session: Session, *, dataset_id: int) -> list[str]:
    """The paths of the images that a label file can name."""
    return list(session.scalars(select(Sample.path).where(Sample.dataset_id == dataset_id)))


def read_labels(paths: Collection[str], *, said: StatedLabels, content: bytes) -> ReadLabels:
    """Read a label file for the images with these paths. Raises Invalid without any label.

    A large file takes long, so nobody's transaction is open meanwhile.
    """

    def read(_labels: LabelFiles, _name: str) -> bytes:
        return content

    file = stated(dict.fromkeys(paths, 0), said, read)
    layout = by_labels(paths, Reading("labels", labels=file), read)
    if not layout.places:
        notes = " ".join(note for note in layout.notes if WITHOUT not in note)
        raise Invalid(
            f"{file.name} has no label that can be used for an image of this data set. {notes}".strip()
        )
    return ReadLabels(file, layout, hashlib.sha256(content).hexdigest())
