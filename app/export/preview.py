"""What the page of an export shows before a download: the first rows, and how large each file will be."""

from dataclasses import dataclass

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from app.datasets.catalog import class_names
from app.datasets.gold import visible_samples
from app.datasets.models import Sample
from app.export.formats import FORMATS
from app.review.models import Decision, SampleReview
from app.review.standing import label_now

ROWS = 5
# Bytes of a row beside its path, measured on 1,500 images; of a zip after its compression.
BESIDE_PATH = {
    "parquet": 60,
    "csv": 115,
    "csv-excel": 115,
    "jsonl": 410,
    "fastai": 13,
    "imagefolder": 215,
    "huggingface": 20,
    "label-studio": 10,
    "fiftyone": 190,
    "cleanlab": 25,
    "croissant": 55,
}
A_DECISION = 110  # bytes in the log of decisions
COMPRESSED = ("label-studio", "cleanlab", "croissant", "huggingface")  # their paths take next to nothing


@dataclass(frozen=True)
class FirstRow:
    """An image as a table has it."""

    path: str
    split: str
    given: str
    label: str | None  # now; None: deleted
    is_changed: bool


def first_rows(session: Session, *, dataset_id: int) -> list[FirstRow]:
    """The first images by path, those with a changed label before all others; none of the gold part."""
    names = class_names(session, dataset_id=dataset_id)
    now = label_now()
    is_changed = case((SampleReview.verdict.in_(("relabel", "delete")), 1), else_=0)
    rows = session.execute(
        visible_samples(Sample.path, Sample.split, Sample.given_label, now, is_changed)
        .outerjoin(SampleReview, SampleReview.sample_id == Sample.id)
        .where(Sample.dataset_id == dataset_id)
        .order_by(is_changed.desc(), Sample.path)
        .limit(ROWS)
    )
    return [
        FirstRow(path, split, names[given], None if label is None else names[label], bool(changed))
        for path, split, given, label, changed in rows
    ]


def estimated_sizes(session: Session, *, dataset_id: int) -> dict[str, int]:
    """By format about how many bytes its file has."""
    images, image_bytes, path_bytes = session.execute(
        select(
            func.count(), func.coalesce(func.sum(Sample.bytes), 0), func.sum(func.length(Sample.path))
        ).where(Sample.dataset_id == dataset_id)
    ).one()
    decisions = session.scalar(select(func.count()).where(Decision.dataset_id == dataset_id)) or 0
    sizes = {"events": (decisions + 1) * A_DECISION}
    for name, beside in BESIDE_PATH.items():
        paths = 0 if name in COMPRESSED else int(path_bytes or 0)
        sizes[name] = images * beside + paths + (int(image_bytes) if FORMATS[name].has_images else 0)
    return sizes
