"""JSON Lines: one object per sample, null for missing values, labels unchanged."""

import json
import math
from collections.abc import Iterator, Sequence
from json.encoder import encode_basestring
from typing import Any

from app.export.as_csv import repeats
from app.export.rows import ExportPlan, export_columns


def write_jsonl(plan: ExportPlan) -> Iterator[bytes]:
    """UTF-8 lines with the columns' names as keys, in the columns' order."""
    keys = (json.dumps(name, ensure_ascii=False).replace("%", "%%") for name in plan.columns)
    line = "{" + ", ".join(f"{key}: %s" for key in keys) + "}\n"
    for columns in export_columns(plan):
        values = map(_values, columns)
        yield "".join(map(line.__mod__, zip(*values, strict=True))).encode()


def _values(column: Sequence[Any]) -> list[str]:
    """The values of a column as JSON."""
    if repeats(column):
        written = {value: _value(value) for value in set(column)}
        return [written[value] for value in column]
    kinds = set(map(type, column))
    if kinds == {str}:
        return list(map(encode_basestring, column))
    if kinds == {int} or (kinds == {float} and all(map(math.isfinite, column))):
        return list(map(repr, column))
    return list(map(_value, column))


def _value(value: object) -> str:
    if isinstance(value, str):
        return encode_basestring(value)
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "null"  # JSON has no infinity
    return repr(value)
