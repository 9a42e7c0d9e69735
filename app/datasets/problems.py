"""Images that may be no use whatever their labels: dark, bright, blank, blurry, of an odd shape or size.

What an import measured of each image is compared with the other images of its data set, so a set of night
photographs is not full of dark images. The limits are measured (docs/decisions/0023).
"""

import math
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.orm import Session

from app.datasets.models import ImageAppearance, ImageProblem, Sample
from app.decoding.appearance import Appearance

Kind = Literal["dark", "bright", "blank", "blurry", "odd_shape", "odd_size", "off_topic", "leak"]
KINDS: tuple[Kind, ...] = get_args(Kind)
MEASURED: tuple[Kind, ...] = ("dark", "bright", "blank", "blurry", "odd_shape", "odd_size")

DARK, BRIGHT = 0.2, 0.8  # mean brightness, of 1
BLANK = 0.1  # range of brightness from place to place, of 1
BLURRY = (
    3.0  # sharpness: photographs and faces of 32 to 500 pixels have 3.2 and more, blurred ones 0.8 to 2.3
)
BLURRIER = 0.6  # times the lower quartile, where all images are soft
ODD = math.log(1.75)  # times as long or as large as usual, or as many times shorter or smaller
SPREAD = 3.0  # times the distance of the quartiles, where shapes or sizes differ much
_AT_ONCE = 1000

_ROWS = (
    select(
        Sample.id,
        Sample.width,
        Sample.height,
        ImageAppearance.brightness,
        ImageAppearance.contrast,
        ImageAppearance.sharpness,
    )
    .outerjoin(ImageAppearance, ImageAppearance.sample_id == Sample.id)
    .where(Sample.dataset_id == bindparam("dataset"))
    .order_by(Sample.id)
)


class Found(NamedTuple):
    """A problem of one image."""

    place: int  # of the image among those that were looked at
    kind: Kind
    score: float  # the higher the worse, among problems of this kind
    value: float
    usual: float


def store_appearances(session: Session, *, dataset_id: int, seen: Mapping[str, Appearance]) -> None:
    """Store how images appear, by path; what is stored already stays."""
    paths = list(seen)
    for start in range(0, len(paths), _AT_ONCE):
        part = paths[start : start + _AT_ONCE]
        new = (
            select(Sample.id, Sample.path)
            .outerjoin(ImageAppearance, ImageAppearance.sample_id == Sample.id)
            .where(
                Sample.dataset_id == dataset_id, Sample.path.in_(part), ImageAppearance.sample_id.is_(None)
            )
        )
        rows = [
            {"sample_id": sample_id, "dataset_id": dataset_id, **seen[path]._asdict()}
            for sample_id, path in session.execute(new)
        ]
        if rows:
            session.execute(insert(ImageAppearance), rows)


def find_problems(session: Session, *, dataset_id: int) -> dict[int, list[Found]]:
    """By sample id, the problems that follow from what an import measured, in the form that is stored."""
    rows = session.execute(_ROWS, {"dataset": dataset_id}).all()
    if not rows:
        return {}
    table = np.array(
        [[math.nan if value is None else value for value in row[1:]] for row in rows], np.float64
    )
    found: dict[int, list[Found]] = {}
    for each in judge(*table.T):
        found.setdefault(rows[each.place].id, []).append(each)
    return found


def store_problems(
    session: Session, *, dataset_id: int, found: Mapping[int, Iterable[Found]], kinds: tuple[Kind, ...]
) -> None:
    """Replace all problems of these kinds by those that were found, by sample id."""
    mine = (ImageProblem.dataset_id == dataset_id, ImageProblem.kind.in_(kinds))
    session.execute(delete(ImageProblem).where(*mine))
    rows = [
        {
            "sample_id": sample_id,
            "dataset_id": dataset_id,
            "kind": each.kind,
            "score": each.score,
            "value": each.value,
            "usual": each.usual,
        }
        for sample_id, problems in found.items()
        for each in problems
    ]
    if rows:
        session.execute(insert(ImageProblem), rows)


def samples_with(session: Session, *, dataset_id: int, kinds: tuple[Kind, ...]) -> set[int]:
    """The ids of the samples with a problem of these kinds, of those that are stored."""
    query = select(ImageProblem.sample_id).where(
        ImageProblem.dataset_id == dataset_id, ImageProblem.kind.in_(kinds)
    )
    return set(session.scalars(query))


def judge(
    width: NDArray[np.float64],
    height: NDArray[np.float64],
    brightness: NDArray[np.float64],
    contrast: NDArray[np.float64],
    sharpness: NDArray[np.float64],
) -> list[Found]:
    """The problems of images, all (n,); what was not measured is NaN. Pure."""
    found = _unlike_the_others("odd_shape", np.log(np.maximum(width, height) / np.minimum(width, height)))
    found += _unlike_the_others("odd_size", (np.log(width) + np.log(height)) / 2)
    known = np.flatnonzero(~np.isnan(brightness))
    if not len(known):
        return found

    low, middle, high = np.percentile(brightness[known], (25, 50, 75))
    plain, plain_usual = np.percentile(contrast[known], (25, 50))
    soft, sharp = np.percentile(sharpness[known], (25, 50))
    blank = min(BLANK, plain / 3)
    shows_blur = contrast > 2 * blank  # what has hardly any contrast is neither sharp nor blurred
    judged: tuple[tuple[Kind, NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64], float], ...] = (
        ("dark", brightness < min(DARK, low / 2), 1 - brightness, brightness, middle),
        ("bright", brightness > max(BRIGHT, (1 + high) / 2), brightness, brightness, middle),
        ("blank", contrast < blank, 1 - contrast, contrast, plain_usual),
        ("blurry", shows_blur & (sharpness < min(BLURRY, BLURRIER * soft)), -sharpness, sharpness, sharp),
    )
    return found + [
        Found(int(place), kind, float(scores[place]), float(values[place]), float(usual))
        for kind, is_bad, scores, values, usual in judged
        for place in np.flatnonzero(is_bad)
    ]


def _unlike_the_others(kind: Kind, logs: NDArray[np.float64]) -> list[Found]:
    """The images whose value is far from the median, given as its logarithm (n,)."""
    low, usual, high = np.percentile(logs, (25, 50, 75))
    away = np.abs(logs - usual)
    return [
        Found(int(place), kind, float(away[place]), math.exp(logs[place]), math.exp(usual))
        for place in np.flatnonzero(away > max(ODD, SPREAD * float(high - low)))
    ]
