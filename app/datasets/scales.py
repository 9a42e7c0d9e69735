"""The scale of a data set's deep greys: measured once on some of its images, and stored with the data set.

All decoding uses it: pictures for people, training, scoring, photos. It never changes, so that people and
networks see the same before and after the next import.
"""

import hashlib
import logging

import numpy as np
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.datasets.models import Dataset, Sample
from app.db.engine import Database
from app.decoding import budget
from app.decoding.opening import memory_for, open_image
from app.decoding.tones import Kind, Scales, kind_of, measure, some_pixels
from app.storage import ImageSource

log = logging.getLogger(__name__)
IMAGES, PIXELS = (
    200,
    8192,
)  # of each kind, and of each image; more pixels would not visibly change the percentiles
WORDS = {"I": "whole numbers", "F": "floats"}


def scales_of(session: Session, *, dataset_id: int) -> Scales:
    """The stored scales of the data set."""
    kept: Scales = session.get_one(Dataset, dataset_id).grey_scales
    return kept


def measure_scales(database: Database, *, dataset_id: int, source: ImageSource) -> Scales:
    """The scales of the data set; missing scales for its kinds of images are measured and stored."""
    deep = or_(Sample.mode == "F", Sample.mode.startswith("I"))
    query = select(Sample.path, Sample.sha256, Sample.bytes, Sample.mode)
    with database.read() as session:
        known = scales_of(session, dataset_id=dataset_id)
        rows = session.execute(query.where(Sample.dataset_id == dataset_id, deep)).all()
    chosen: dict[Kind, list[tuple[str, str, int]]] = {}
    # In the order of the content's hash, which is random.
    for path, sha256, size, mode in sorted(rows, key=lambda row: row.sha256):
        kind = kind_of(mode) or ""
        if kind not in known and len(chosen.setdefault(kind, [])) < IMAGES:
            chosen[kind].append((path, sha256, size))
    found = {kind: _measure(source, some) for kind, some in chosen.items()}
    new = {kind: list(tones) for kind, tones in found.items() if tones}
    if not new:
        return known
    with database.write() as session:
        dataset = session.get_one(Dataset, dataset_id)
        dataset.grey_scales = new | dict(dataset.grey_scales)  # keeps a scale stored in the meantime
        return dataset.grey_scales


def in_words(scales: Scales) -> list[str]:
    """Notes for people."""
    return [
        f"Deep greys ({WORDS[kind]}): {scale[0]:.6g} is shown as black and {scale[1]:.6g} as white in every "
        "image of this data set, to people and networks alike."
        for kind, scale in sorted(scales.items())
    ]


def _measure(source: ImageSource, some: list[tuple[str, str, int]]) -> tuple[float, float] | None:
    pools = [
        pixels for path, sha256, size in some if (pixels := _pixels(source, path, sha256, size)) is not None
    ]
    return measure(pools)


def _pixels(source: ImageSource, path: str, sha256: str, size: int) -> np.ndarray | None:
    """Some pixels of an image; None if its file is missing or changed."""
    try:
        with budget.files.share(size):
            content = source.read(path)
            if hashlib.sha256(content).hexdigest() != sha256:
                return None
            with open_image(content) as image, budget.pixels.share(memory_for(image)):
                image.load()
                return some_pixels(image, PIXELS)
    except Exception:  # storage and Pillow may raise any exception; the other images are enough
        log.warning("%s: its grey values could not be measured", path, exc_info=True)
        return None
