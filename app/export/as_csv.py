r"""CSV: UTF-8, a header, `\n`, cells that a spreadsheet would run as a formula guarded."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from app.export.rows import COLUMNS, Plan, export_rows

ROWS_A_CHUNK = 1000
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_QUOTED = re.compile(r'[",\r\n]')


def write_csv(plan: Plan) -> Iterator[bytes]:
    """One row a sample; empty cells where there is nothing to say."""
    return csv_chunks(COLUMNS, (row[: len(COLUMNS)] for row in export_rows(plan)))


def csv_chunks(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    """The header and rows as bytes, a thousand rows at a time; text is guarded, numbers are not, none is an empty cell."""
    lines = (",".join(map(_cell, row)) + "\n" for row in chain([header], rows))
    while chunk := "".join(islice(lines, ROWS_A_CHUNK)):
        yield chunk.encode()


def guard(text: str) -> str:
    """Text that no spreadsheet runs: with `'` in front of =, +, -, @, tab or CR, also behind apostrophes, so `unguard` is exact."""
    return f"'{text}" if _FORMULA.match(text) else text


def unguard(text: str) -> str:
    """The text that `guard` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def _cell(value: object) -> str:
    if not isinstance(value, str):
        return "" if value is None else str(value)
    text = guard(value)
    if not _QUOTED.search(text):
        return text
    doubled = text.replace('"', '""')
    return f'"{doubled}"'  # csv.writer would leave a CR unquoted
