"""An area of the map as a filter: a polygon in an address, such as `3_100.200_900.200_500.800`.

First the number of the map, then the corners, across and down. The places of a map never change, so the same
address always names the same area. It is looked for in the database, so that every use of a filter knows it.
"""

import re
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import ColumnElement, and_, case, select
from sqlalchemy.orm import Session

from app.datasets.models import Sample
from app.errors import Invalid
from app.ranking.maps import SIDE
from app.ranking.models import ImageMap, MapPlace

FEWEST, MOST = 3, 100  # corners
MOST_CHARACTERS = 10 + 12 * MOST
_FORM = re.compile(r"([0-9]{1,9})((?:_[0-9]{1,5}\.[0-9]{1,5})+)")
_UNREADABLE = (
    f"This is no area of the map: it needs the map’s number and {FEWEST} to {MOST} corners, such as "
    f"3_100.200_900.200_500.800, of whole numbers from 0 to {SIDE:,}. Select it on the map."
)
_ANOTHER = "This area is of a map that was drawn anew since. Select the images on the map again."
Corner = tuple[int, int]


@dataclass(frozen=True)
class Lasso:
    """A polygon on a map; what is inside follows the even-odd rule."""

    map_id: int
    corners: tuple[Corner, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises Invalid."""
        found = _FORM.fullmatch(text)
        if not found:
            raise Invalid(_UNREADABLE)
        corners = tuple(_corner(each) for each in found[2].split("_")[1:])
        if not FEWEST <= len(corners) <= MOST or any(max(corner) > SIDE for corner in corners):
            raise Invalid(_UNREADABLE)
        return cls(int(found[1]), corners)

    def contains(self, x: int, y: int) -> bool:
        """Whether a place is inside; static/map/lasso.js counts in the same way."""
        crossed = sum(edge.is_crossed(x, y) for edge in self._edges)
        return crossed % 2 == 1

    def condition(self, x: ColumnElement[int] | Any, y: ColumnElement[int] | Any) -> ColumnElement[bool]:
        """The same on columns."""
        across, down = zip(*self.corners, strict=True)
        crossed: Any = 0
        for edge in self._edges:
            is_crossed = and_(y >= edge.top, y < edge.bottom, x * edge.height - y * edge.width < edge.bar)
            crossed += case((is_crossed, 1), else_=0)
        near = x.between(min(across), max(across)), y.between(min(down), max(down))
        return and_(*near, crossed % 2 == 1) if self._edges else and_(*near, x < 0)

    @property
    def _edges(self) -> "list[_Edge]":
        pairs = zip(self.corners, (*self.corners[1:], self.corners[0]), strict=True)
        return [
            _Edge(*sorted(pair, key=lambda corner: corner[1])) for pair in pairs if pair[0][1] != pair[1][1]
        ]


@dataclass(frozen=True)
class _Edge:
    """A side of the polygon from its upper to its lower end; all numbers fit into 32 bits."""

    start: Corner
    end: Corner

    @property
    def top(self) -> int:
        return self.start[1]

    @property
    def bottom(self) -> int:
        return self.end[1]

    @property
    def width(self) -> int:
        return self.end[0] - self.start[0]

    @property
    def height(self) -> int:
        return self.end[1] - self.start[1]

    @property
    def bar(self) -> int:
        return self.start[0] * self.height - self.start[1] * self.width

    def is_crossed(self, x: int, y: int) -> bool:
        """Whether a ray from a place to the right crosses it."""
        return self.top <= y < self.bottom and x * self.height - y * self.width < self.bar


def _corner(text: str) -> Corner:
    x, y = text.split(".")
    return int(x), int(y)


def is_within(session: Session, dataset_id: int, text: str) -> ColumnElement[bool]:
    """Whether a sample lies in an area of a map of the data set. Raises Invalid."""
    lasso = Lasso.parse(text)
    drawn = session.get(ImageMap, lasso.map_id)
    if drawn is None or drawn.dataset_id != dataset_id or not drawn.is_ready:
        raise Invalid(_ANOTHER)
    inside = select(MapPlace.sample_id).where(
        MapPlace.map_id == lasso.map_id, lasso.condition(MapPlace.x, MapPlace.y)
    )
    return Sample.id.in_(inside.correlate(None))
