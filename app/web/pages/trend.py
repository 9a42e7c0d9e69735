"""Lines with intervals over the rounds, and bars below them, drawn by the server as SVG. Pure.

Places across are in percent of the width, places down in pixels; both axes of numbers begin at 0.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from app.training.evaluation import Rate
from app.web.pages.intervals import axis
from app.web.rendering import count, percent

HEIGHT = 200  # pixels of the lines
BARS = 72  # pixels of the highest bar
KINDS = ("old", "new", "third")  # how the lines are drawn, in this order
APART = 9  # pixels between the dots of two lines at one place
NARROWEST = 1.0  # pixels of a bar that is not 0


@dataclass(frozen=True)
class Dot:
    """A figure and its interval."""

    x: float
    y: float
    low: float
    high: float
    words: str


@dataclass(frozen=True)
class Line:
    """A figure over the rounds; `segments` join its dots as x1, y1, x2, y2."""

    name: str
    kind: str
    shift: int  # pixels to the right
    dots: tuple[Dot, ...]
    segments: tuple[tuple[float, float, float, float], ...]


@dataclass(frozen=True)
class Bar:
    """A number of one round."""

    x: float
    width: float
    y: float
    height: float
    words: str


@dataclass(frozen=True)
class Trend:
    """Lines above, bars below; `names` are those of the rounds, `ticks` of the lines' axis."""

    lines: tuple[Line, ...]
    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]
    names: tuple[tuple[float, str], ...]
    height: int = HEIGHT
    bars_height: int = BARS + 20


def trend(
    names: Sequence[str],
    lines: Mapping[str, Sequence[Rate | None]],
    bars: Sequence[int],
    *,
    apart: Collection[int] = (),
) -> Trend | None:
    """A chart of error rates and of counts, one of each per name; None without a figure.

    No line leads to or from the places `apart`, whose figures are of another kind.
    """
    known = [rate for line in lines.values() for rate in line if rate]
    if not names or not (known or any(bars)):
        return None
    ticks = axis(max((rate.high for rate in known), default=0), share=True, limit=1)
    top = ticks[-1][0]
    places = [100 * (i + 0.5) / len(names) for i in range(len(names))]
    drawn = tuple(
        _line(name, KINDS[i % len(KINDS)], (2 * i - len(lines) + 1) * APART // 2, places, rates, top, apart)
        for i, (name, rates) in enumerate(lines.items())
        if any(rates)
    )
    return Trend(
        drawn,
        tuple(_bar(number, place, max(bars), len(names)) for number, place in zip(bars, places, strict=True)),
        tuple((HEIGHT * (1 - at / top), words) for at, words in ticks) if known else (),
        tuple(zip(places, names, strict=True)),
    )


def _line(
    name: str,
    kind: str,
    shift: int,
    places: Sequence[float],
    rates: Sequence[Rate | None],
    top: float,
    apart: Collection[int],
) -> Line:
    def down(share: float) -> float:
        return HEIGHT * (1 - share / top)

    dots = tuple(
        Dot(
            x,
            down(rate.value),
            down(rate.low),
            down(rate.high),
            f"{name}: {percent(rate.value)} ({percent(rate.low)} to {percent(rate.high)})",
        )
        for x, rate in zip(places, rates, strict=True)
        if rate
    )
    alone = {places[place] for place in apart}
    joined = tuple((a.x, a.y, b.x, b.y) for a, b in pairwise(dots) if not {a.x, b.x} & alone)
    return Line(name, kind, shift, dots, joined)


def _bar(number: int, place: float, most: int, bars: int) -> Bar:
    height = max(NARROWEST, BARS * number / most) if number else 0.0
    width = 40 / bars
    return Bar(place - width / 2, width, 20 + BARS - height, height, count(number))
