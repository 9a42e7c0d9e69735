"""Numbers for static/charts.js, for the legend and the table beside each chart, and for drawn intervals."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.training.evaluation import Rate

LOOKS = ("first", "second", "third")  # of lines and their swatches, as static/charts.js draws them
TOPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)  # where an axis of shares may end


@dataclass(frozen=True)
class Key:
    """An entry of a legend: its swatch and its words."""

    look: str
    words: str


@dataclass(frozen=True)
class Chart:
    """Numbers for a chart and for the table below it; `data` is what static/charts.js reads."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    data: str
    csv: str = ""  # name of the file with the numbers, where there is one
    keys: tuple[Key, ...] = ()  # the legend; none for a single line, which the title names


def line_chart(
    title: str,
    across: str,
    x: Sequence[float],
    lines: Mapping[str, Sequence[float | None]],
    *,
    bands: Mapping[str, Sequence[tuple[float, float] | None]] | None = None,
    digits: int = 4,
    csv: str = "",
    **options: Any,
) -> Chart:
    """Lines over common points; `bands` are the 95 % intervals of lines by name.

    `digits`: of the table's numbers. Options: `low` where the axis begins, `unit` of the values, `log` for a
    logarithmic axis across, `mark` a point on it.
    """
    rows = tuple(
        (f"{at:.6g}", *("" if y is None else f"{y:.{digits}f}" for y in ys))
        for at, *ys in zip(x, *lines.values(), strict=True)
    )
    about = {"title": title, "across": across, "x": x, "lines": lines, "bands": bands or {}}
    looks = ("only",) if len(lines) == 1 else LOOKS
    keys = [Key(looks[i % len(looks)], name) for i, name in enumerate(lines)]
    if bands:
        keys.append(Key("band", "95\u00a0% interval"))
    shown = tuple(keys) if len(keys) > 1 else ()
    return Chart(title, (across, *lines), rows, json.dumps(about | options), csv, shown)


@dataclass(frozen=True)
class Interval:
    """A rate with its 95 % interval, to draw as a dot and a line."""

    words: str
    rate: Rate
    is_chief: bool = False


@dataclass(frozen=True)
class Intervals:
    """Rates drawn below one another over one axis that begins at 0."""

    rows: tuple[Interval, ...]
    top: float  # the share at the end of the axis

    @property
    def ticks(self) -> tuple[float, ...]:
        """Shares to write at the axis."""
        return (0.0, self.top / 2, self.top)

    def across(self, share: float) -> str:
        """Where a share lies, in per cent of the width."""
        return f"{100 * share / self.top:.2f}%"

    def wide(self, rate: Rate) -> str:
        """How wide its interval is, in per cent of the width."""
        return self.across(rate.high - rate.low)


def intervals(rows: Sequence[Interval]) -> Intervals | None:
    """The rates over an axis from 0 to a round share above all of them; None without any."""
    if not rows:
        return None
    highest = max(row.rate.high for row in rows)
    return Intervals(tuple(rows), next(top for top in TOPS if top >= min(highest, 1.0)))
