"""The scale of a data set's deep greys: measured once on some of its images, and stored with the data set.

All decoding uses it: pictures for people, training, scoring, photos. It never changes, so that people and
networks see the same before and after the next import.
"""

import hashlib
import logging
from collections.abc import Iterable, Sequence

import numpy as np
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.datasets.models import Dataset, Sample
from app.db.engine import Database
from app.decoding import budget
from app.decoding.opening import memory_to_decode, open_image
from app.decoding.tones import Kind, Scales, Tones, kind_of, measure, no_data_of, some_pixels
from app.errors import shortage
from app.storage import ImageSource

log = logging.getLogger(__name__)
IMAGES, PIXELS = (
    200,
    8192,
)  # of each kind, and of each image; more pixels would not visibly change the percentiles
MOST_NAMED = 4  # values of no data that are stored
NARROW = 1 / 8  # of the scale: 12 bits among 16 use a 16th of it
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
    new = {kind: tones.stored() for kind, tones in found.items() if tones}
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
        f"image of this data set, to people and networks alike.{_left_out(scale[2:])}"
        for kind, scale in sorted(scales.items())
    ]


def _left_out(no_data: Sequence[float]) -> str:
    if not no_data:
        return ""
    values = " and ".join(f"{value:.6g}" for value in no_data)
    what = "was taken as a value" if len(no_data) == 1 else "were taken as values"
    return f" {values} {what} of “no data” and did not count."


def narrow_words(tones: Iterable[tuple[str, Tones]], scales: Scales) -> list[str]:
    """Sentences about images (mode, own tones) that use only a small lower part of the scale."""
    said = []
    for kind, scale in sorted(scales.items()):
        mine = [own for mode, own in tones if kind_of(mode) == kind]
        narrow = [own.high for own in mine if own.high - scale[0] < NARROW * (scale[1] - scale[0])]
        if narrow and len(narrow) < len(mine):
            images = "1 of these images is" if len(narrow) == 1 else f"{len(narrow):,} of these images are"
            said.append(
                f"{images} dark on this scale, with values up to {max(narrow):.6g} only. If these were saved "
                "with fewer bits than the others, bring all images to one range and import them as a new "
                "data set."
            )
    return said


def _measure(source: ImageSource, some: list[tuple[str, str, int]]) -> Tones | None:
    named: set[float] = set()
    pools = [
        pixels
        for path, sha256, size in some
        if (pixels := _pixels(source, path, sha256, size, named=named)) is not None
    ]
    tones = measure(pools)
    return tones and tones._replace(no_data=tuple(sorted({*tones.no_data, *named})[:MOST_NAMED]))


def _pixels(
    source: ImageSource, path: str, sha256: str, size: int, *, named: set[float]
) -> np.ndarray | None:
    """Some pixels of an image; None if its file is missing or changed.

    The value that it names as no data is added to `named`.
    """
    try:
        with budget.files.share(size):
            content = source.read(path)
            if hashlib.sha256(content).hexdigest() != sha256:
                return None
            with open_image(content) as image, memory_to_decode(image):
                image.load()
                if (no_data := no_data_of(image)) is not None:
                    named.add(no_data)
                return some_pixels(image, PIXELS)
    except Exception as error:  # storage and Pillow may raise any exception; the other images are enough
        if short := shortage(error):
            raise short from error
        log.warning("%s: its grey values could not be measured", path, exc_info=True)
        return None
