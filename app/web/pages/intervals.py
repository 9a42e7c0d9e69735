"""Dots with whiskers, and lines over rounds, drawn by the server as SVG. Pure.

Places along an axis are in percent of its width, so that a picture fits every screen; the axis begins at 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

MOST_TICKS = 5
STEPS = (1, 2, 2.5, 5, 10)
WHOLE = 1.0  # as high as a share can be


@dataclass(frozen=True)
class Tick:
    """A place on the axis, and the number that stands there."""

    at: float
    words: str


@dataclass(frozen=True)
class Given:
    """A line of a chart before it is drawn: a number and its interval, in one unit."""

    name: str
    low: float
    high: float
    words: str  # the number for people
    interval: str  # its interval for people
    value: float | None = None  # none: only the interval is known
    kind: str = ""  # "new", "old" or empty: how it is drawn
    link: str = ""
    heading: str = ""  # of the lines from here on


@dataclass(frozen=True)
class Row:
    """A line of a chart: where its dot and the ends of its whisker are, in percent of the axis."""

    given: Given
    low: float
    high: float
    value: float | None

    @property
    def width(self) -> float:
        """How long the whisker is."""
        return self.high - self.low


@dataclass(frozen=True)
class IntervalChart:
    """Lines with one axis below them."""

    title: str
    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...]


def interval_chart(
    title: str, rows: Sequence[Given], *, share: bool = True, most: float | None = None
) -> IntervalChart:
    """A chart of shares (0…1, written in percent) or of counts, from 0 to beyond the highest end.

    `most`: what no number can exceed.
    """
    limit = WHOLE if share else most
    ticks = axis(max((row.high for row in rows), default=0), share=share, limit=limit)
    top = ticks[-1][0] or 1
    return IntervalChart(
        title,
        tuple(
            Row(
                row,
                100 * row.low / top,
                100 * row.high / top,
                None if row.value is None else 100 * row.value / top,
            )
            for row in rows
        ),
        tuple(Tick(100 * at / top, words) for at, words in ticks),
    )


def axis(highest: float, *, share: bool, limit: float | None = None) -> list[tuple[float, str]]:
    """Round numbers from 0 to the first one that is at least `highest`, and how they are written."""
    unit = 100 if share else 1
    shown = max(highest * unit, 1.0)
    rough = shown / (MOST_TICKS - 1)
    size = 10 ** floor(log10(rough))
    step = next(size * factor for factor in STEPS if size * factor >= rough * (1 - 1e-9))
    if not share:
        step = max(1, round(step))
    count = ceil(shown / step - 1e-9)
    places = [step * i / unit for i in range(count + 1)]
    if limit is not None and limit > 0 and places[-1] > limit:
        places[-1] = limit
    return [(at, f"{at * unit:,.10g}{' %' if share else ''}") for at in places]
