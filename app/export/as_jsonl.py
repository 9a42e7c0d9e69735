"""JSON Lines: one object per sample, null for missing values, labels unchanged."""

import json
import math
from collections.abc import Iterator
from itertools import islice

from app.export.rows import COLUMNS, ExportPlan, export_rows

ROWS_A_CHUNK = 1000


def write_jsonl(plan: ExportPlan) -> Iterator[bytes]:
    """UTF-8 lines with the columns' names as keys, in the columns' order."""
    rows = export_rows(plan)
    while page := list(islice(rows, ROWS_A_CHUNK)):
        lines = [
            json.dumps(dict(zip(COLUMNS, map(_plain, row), strict=False)), ensure_ascii=False) for row in page
        ]
        yield ("\n".join(lines) + "\n").encode()


def _plain(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value  # JSON has no infinity
