r"""CSV: UTF-8, a header, `\n`, cells that a spreadsheet would run as a formula guarded."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence

from app.export.rows import COLUMNS, Plan, export_rows

ROWS_A_CHUNK = 1000
_FORMULA = re.compile(r"'*[=+\-@\t\r]")


def write_csv(plan: Plan) -> Iterator[bytes]:
    """One row a sample; empty cells where there is nothing to say."""
    return csv_chunks(COLUMNS, (row[: len(COLUMNS)] for row in export_rows(plan)))


def csv_chunks(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    """The header and rows as bytes, about a thousand rows at a time; text is guarded, numbers are not."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for count, row in enumerate(rows, start=1):
        writer.writerow([guard(cell) if isinstance(cell, str) else cell for cell in row])
        if count % ROWS_A_CHUNK == 0:
            yield _taken(text)
    yield _taken(text)


def guard(cell: str) -> str:
    """A cell that no spreadsheet runs: with `'` in front of =, +, -, @, tab or CR, also behind apostrophes, so `unguard` is exact."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unguard(cell: str) -> str:
    """The text that `guard` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _taken(text: io.StringIO) -> bytes:
    chunk = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return chunk
