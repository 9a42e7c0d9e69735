r"""CSV: UTF-8, a header, `\n`. Plain with unchanged names, or safe for spreadsheets and marked as UTF-8."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from app.export.rows import ExportPlan, export_columns

ROWS_A_CHUNK = 1000
BOM = "\ufeff".encode()  # without it Excel reads UTF-8 as the code page of its machine
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_QUOTED = re.compile(r'[",\r\n]')


def write_csv(plan: ExportPlan) -> Iterator[bytes]:
    """One row per sample, names unchanged; a missing value is an empty cell."""
    yield _line(plan.columns, str)
    for columns in export_columns(plan):
        yield _lines(columns, str)


def write_csv_excel(plan: ExportPlan) -> Iterator[bytes]:
    """The same rows for spreadsheets: marked as UTF-8, with `'` before text that would run as a formula."""
    yield BOM
    yield _line(plan.columns, guard)
    for columns in export_columns(plan):
        yield _lines(columns, guard)


def csv_chunks(
    header: Sequence[str], rows: Iterable[Sequence[object]], *, text: Callable[[str], str] = str
) -> Iterator[bytes]:
    """Header and rows as bytes, a thousand rows at a time; `text` converts text, None is an empty cell."""
    yield _line(header, text)
    rows = iter(rows)
    while page := list(islice(rows, ROWS_A_CHUNK)):
        yield _lines(list(zip(*page, strict=True)), text)


def guard(text: str) -> str:
    """Text that no spreadsheet runs: with `'` before =, +, -, @, tab, CR, and apostrophes before these."""
    return f"'{text}" if _FORMULA.match(text) else text


def repeats(column: Sequence[Any]) -> bool:
    """Whether the values of a column are so few that each is worth converting once only."""
    return len(set(column[:100])) <= 25 <= len(column)  # noqa: PLR2004 - by its first values


def _line(cells: Sequence[str], text: Callable[[str], str]) -> bytes:
    return _lines([[cell] for cell in cells], text)


def _lines(columns: Sequence[Sequence[object]], text: Callable[[str], str]) -> bytes:
    """A line for each row of columns of one length: column by column is several times faster than by row."""
    cells = [_cells(column, text) for column in columns]
    return ("\n".join(map(",".join, zip(*cells, strict=True))) + "\n").encode()


def _cells(column: Sequence[Any], text: Callable[[str], str]) -> list[str]:
    if repeats(column):
        written = {value: _cell(value, text) for value in set(column)}
        return [written[value] for value in column]
    kinds = set(map(type, column))
    if kinds == {str} and text is str and not _QUOTED.search("".join(column)):
        return list(column)
    return list(map(str, column)) if kinds <= {int, float} else [_cell(value, text) for value in column]


def _cell(value: object, text: Callable[[str], str]) -> str:
    if not isinstance(value, str):
        return "" if value is None else str(value)
    written = text(value)
    if not _QUOTED.search(written):
        return written
    doubled = written.replace('"', '""')
    return f'"{doubled}"'  # csv.writer would leave a CR unquoted
