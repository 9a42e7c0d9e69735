"""The map as people see it: where each image lies, its label, and whether that label is in doubt."""

import hashlib
from dataclasses import dataclass

from sqlalchemy import and_, case, func, select
from sqlalchemy.orm import Session

from app.datasets.catalog import class_names
from app.datasets.gold import get_gold_part
from app.datasets.models import Sample
from app.datasets.versions import DELETED
from app.deck.filters import STATES, Filter, matching
from app.ranking.maps import newest_map
from app.ranking.models import MapPlace, Prediction
from app.review.models import Decision, SampleReview
from app.review.standing import label_now
from app.training.runs import current_ranking

AGREES, SUSPICIOUS, REVIEWED, UNKNOWN = range(4)
STANDINGS = ("agrees", "suspicious", "reviewed", "not ranked")  # their words, by number


@dataclass(frozen=True)
class Points:
    """All images with a place on the map, by id; every list has one entry per image."""

    map_id: int
    run_id: int
    classes: tuple[str, ...]
    samples: list[int]
    x: list[int]  # 0…9999, across
    y: list[int]  # 0…9999, down
    labels: list[int]  # positions of classes as the labels stand, DELETED
    standings: list[int]  # positions in STANDINGS


@dataclass(frozen=True)
class ClassCount:
    """A class with the number of its images."""

    position: int
    name: str
    images: int


def map_points(session: Session, *, dataset_id: int) -> Points | None:
    """The images that the page Images shows too, with their places; None before a map is drawn.

    Images that no map has seen, because they were added since, are left out.
    """
    drawn = newest_map(session, dataset_id=dataset_id)
    if drawn is None:
        return None
    standing = case(
        (STATES["open"], SUSPICIOUS),
        (SampleReview.sample_id.is_not(None), REVIEWED),
        (Prediction.sample_id.is_(None), UNKNOWN),
        else_=AGREES,
    )
    label = func.coalesce(label_now(), DELETED)
    query = (
        matching(session, dataset_id, Filter())
        .join(MapPlace, and_(MapPlace.sample_id == Sample.id, MapPlace.map_id == drawn.id))
        .with_only_columns(MapPlace.sample_id, MapPlace.x, MapPlace.y, label, standing)
        .order_by(MapPlace.sample_id)
    )
    columns = [list(column) for column in zip(*session.execute(query), strict=True)] or [[] for _ in range(5)]
    return Points(drawn.id, drawn.run_id, tuple(class_names(session, dataset_id=dataset_id)), *columns)


def count_labels(session: Session, *, dataset_id: int) -> list[ClassCount]:
    """How many of the images have each label, in the order of the classes; deleted images are not counted."""
    label = label_now()
    query = matching(session, dataset_id, Filter()).with_only_columns(label, func.count()).group_by(label)
    counts: dict[int | None, int] = {at: images for at, images in session.execute(query)}  # noqa: C416
    names = class_names(session, dataset_id=dataset_id)
    return [ClassCount(at, name, counts[at]) for at, name in enumerate(names) if at in counts]


def count_placed(session: Session, *, dataset_id: int, map_id: int) -> int:
    """How many of the images have a place on a map."""
    placed = select(MapPlace.sample_id).where(MapPlace.map_id == map_id).correlate(None)
    query = matching(session, dataset_id, Filter()).with_only_columns(func.count())
    return session.scalar(query.where(Sample.id.in_(placed))) or 0


def points_tag(session: Session, *, dataset_id: int) -> str:
    """What changes whenever the points do: the map, the ranking, the decisions, classes and the gold part."""
    drawn = newest_map(session, dataset_id=dataset_id)
    ranking = current_ranking(session, dataset_id=dataset_id)
    decided = session.scalar(select(func.max(Decision.id)).where(Decision.dataset_id == dataset_id))
    gold = get_gold_part(session, dataset_id=dataset_id)
    names = class_names(session, dataset_id=dataset_id)
    known = (dataset_id, drawn and drawn.id, ranking, decided, gold and gold.digest, names)
    return hashlib.sha256(repr(known).encode()).hexdigest()[:16]
