"""Problems of the images themselves as a list of its own: by kind, the worst first, with a reason in words.

They have nothing to do with the ranking of the labels. A decision about the image settles its problems.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, exists, func, select, union
from sqlalchemy.orm import Session

from app.datasets.catalog import class_names
from app.datasets.gold import visible_samples
from app.datasets.models import ImageAppearance, ImageProblem, Sample
from app.datasets.problems import KINDS, Kind
from app.deck.filters import Filter, StateFilter, Tile, count_matching, matching, tile_of
from app.ranking.models import Prediction
from app.review.models import SampleReview
from app.review.standing import label_now

OPEN: StateFilter = "unreviewed"  # nobody has decided about the image


@dataclass(frozen=True)
class Twin:
    """An image in another part that is the same, or looks so."""

    sample_id: int
    path: str
    split: str


@dataclass(frozen=True)
class Problem:
    """An image with a problem."""

    tile: Tile
    kind: Kind
    split: str
    score: float  # the higher the worse, among problems of this kind
    value: float | None  # what was measured; None: nothing, the image has a twin
    usual: float | None  # the median of the data set
    twin: Twin | None
    reason: str


@dataclass(frozen=True)
class Count:
    """How many images have a problem of a kind."""

    kind: Kind
    images: int
    open: int  # of these, those that nobody has decided about


def count_problems(session: Session, *, dataset_id: int) -> tuple[Count, ...]:
    """Every kind with its images, deleted ones too."""

    def count(kind: Kind, state: StateFilter) -> int:
        return count_matching(session, dataset_id=dataset_id, which=Filter(problem=kind, state=state))

    return tuple(Count(kind, count(kind, ""), count(kind, OPEN)) for kind in KINDS)


def count_problem_images(session: Session, *, dataset_id: int) -> int:
    """How many images have a problem of any kind and no decision."""
    measured = select(ImageProblem.sample_id).where(ImageProblem.dataset_id == dataset_id)
    leaks = matching(session, dataset_id, Filter(problem="leak"))
    query = (
        visible_samples(func.count())
        .select_from(Sample)
        .outerjoin(SampleReview, SampleReview.sample_id == Sample.id)
        .where(SampleReview.sample_id.is_(None), Sample.id.in_(union(measured, leaks)))
    )
    return session.scalar(query) or 0


def list_problems(
    session: Session, *, dataset_id: int, kind: Kind, only_open: bool, limit: int, offset: int = 0
) -> tuple[Problem, ...]:
    """The images with a problem of this kind, the worst first; those that look the same follow each other."""
    names = class_names(session, dataset_id=dataset_id)
    which = Filter(problem=kind, state=OPEN if only_open else "")
    columns: tuple[Any, ...] = (
        Sample,
        SampleReview,
        Prediction.predicted_label,
        Prediction.confidence,
        Prediction.rank,
        ImageProblem,
    )
    order: tuple[Any, ...] = (
        (Sample.lookalikes, Sample.split) if kind == "leak" else (ImageProblem.score.desc(),)
    )
    query = (
        matching(session, dataset_id, which)
        .with_only_columns(*columns)
        .outerjoin(ImageProblem, and_(ImageProblem.sample_id == Sample.id, ImageProblem.kind == kind))
        .order_by(*order, Sample.id)
        .limit(limit)
        .offset(offset)
    )
    rows = session.execute(query).all()
    twins = _twins(session, dataset_id, [row[0] for row in rows]) if kind == "leak" else {}
    return tuple(_problem(names, kind, twins, *row) for row in rows)


def is_measured(session: Session, *, dataset_id: int) -> bool:
    """Whether an import of this version has looked at the images of the data set."""
    return bool(session.scalar(select(exists().where(ImageAppearance.dataset_id == dataset_id))))


def _problem(
    names: list[str],
    kind: Kind,
    twins: dict[int, Twin],
    sample: Sample,
    review: SampleReview | None,
    predicted: int | None,
    confidence: float | None,
    rank: int | None,
    found: ImageProblem | None,
) -> Problem:
    twin = twins.get(sample.id)
    return Problem(
        tile_of(names, sample, review, predicted, confidence, rank),
        kind,
        sample.split,
        found.score if found else 1.0,
        found.value if found else None,
        found.usual if found else None,
        twin,
        reason(found, width=sample.width, height=sample.height) if found else leak_words(twin),
    )


def reason(found: ImageProblem, *, width: int, height: int) -> str:
    """What is wrong with an image, with a number."""
    value, usual = found.value, found.usual
    if found.kind in ("dark", "bright"):
        return f"brightness {_percent(value)}, usually {_percent(usual)}"
    if found.kind == "blank":
        return (
            f"its places differ by {_percent(value)} of the range of brightness, usually by {_percent(usual)}"
        )
    if found.kind == "blurry":
        return f"sharpness {value:.1f}, usually {usual:.1f}"
    if found.kind == "odd_shape":
        return f"{width} x {height} pixels: {value:.1f} times as long as wide, usually {usual:.1f}"
    if found.kind == "odd_size":
        return f"{width} x {height} pixels: its sides are {_times(value / usual)} than usual"
    return f"likeness to the nearest class {_percent(value)}, usually {_percent(usual)}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _times(ratio: float) -> str:
    return f"{ratio:.1f} times longer" if ratio > 1 else f"{1 / ratio:.1f} times shorter"


def leak_words(twin: Twin | None) -> str:
    """Why a copy is a problem."""
    if twin is None:
        return "it looks the same as an image in another part"
    part = "that networks learn from" if twin.split == "train" else f"of the part {twin.split}"
    return f"looks the same as {twin.path}, {part}"


def _twins(session: Session, dataset_id: int, samples: list[Sample]) -> dict[int, Twin]:
    """By sample id, an image on the other side of the hold-out that looks the same."""
    groups = {sample.lookalikes for sample in samples}
    query = (
        visible_samples(Sample.id, Sample.path, Sample.split, Sample.lookalikes)
        .outerjoin(SampleReview, SampleReview.sample_id == Sample.id)
        .where(Sample.dataset_id == dataset_id, Sample.lookalikes.in_(groups), label_now().is_not(None))
        .order_by(Sample.id)
    )
    members = session.execute(query).all()
    found: dict[int, Twin] = {}
    for sample in samples:
        for each in members:
            if each.lookalikes == sample.lookalikes and (each.split == "train") != (sample.split == "train"):
                found[sample.id] = Twin(each.id, each.path, each.split)
                break
    return found
