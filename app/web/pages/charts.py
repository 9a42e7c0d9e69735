"""Numbers for static/charts.js, and for the table below each chart."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Chart:
    """Numbers for a chart and for the table below it; `data` is what static/charts.js reads."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    data: str
    csv: str = ""  # name of the file with the numbers, where there is one


def line_chart(
    title: str,
    across: str,
    x: Sequence[float],
    lines: Mapping[str, Sequence[float | None]],
    *,
    digits: int = 4,
    csv: str = "",
    **options: Any,
) -> Chart:
    """Lines over common points; of two lines the first is drawn dashed and grey.

    `digits`: of the table's numbers.
    """
    rows = tuple(
        (f"{at:.6g}", *("" if y is None else f"{y:.{digits}f}" for y in ys))
        for at, *ys in zip(x, *lines.values(), strict=True)
    )
    data = json.dumps({"title": title, "across": across, "x": x, "lines": lines, **options})
    return Chart(title, (across, *lines), rows, data, csv)
