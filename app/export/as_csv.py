r"""CSV: UTF-8, a header, `\n`. Plain with unchanged names, or safe for spreadsheets and marked as UTF-8."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice

from app.export.rows import COLUMNS, ExportPlan, export_rows

ROWS_A_CHUNK = 1000
BOM = "\ufeff".encode()  # without it Excel reads UTF-8 as the code page of its machine
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_QUOTED = re.compile(r'[",\r\n]')


def write_csv(plan: ExportPlan) -> Iterator[bytes]:
    """One row per sample, names unchanged; a missing value is an empty cell."""
    return csv_chunks(COLUMNS, _rows(plan))


def write_csv_excel(plan: ExportPlan) -> Iterator[bytes]:
    """The same rows for spreadsheets: marked as UTF-8, with `'` before text that would run as a formula."""
    yield BOM
    yield from csv_chunks(COLUMNS, _rows(plan), text=guard)


def csv_chunks(
    header: Sequence[str], rows: Iterable[Sequence[object]], *, text: Callable[[str], str] = str
) -> Iterator[bytes]:
    """Header and rows as bytes, a thousand rows at a time; `text` converts text, None is an empty cell."""
    lines = (",".join(_cell(value, text) for value in row) + "\n" for row in chain([header], rows))
    while chunk := "".join(islice(lines, ROWS_A_CHUNK)):
        yield chunk.encode()


def guard(text: str) -> str:
    """Text that no spreadsheet runs: with `'` before =, +, -, @, tab, CR, and apostrophes before these."""
    return f"'{text}" if _FORMULA.match(text) else text


def unguard(text: str) -> str:
    """The text that `guard` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def _rows(plan: ExportPlan) -> Iterator[Sequence[object]]:
    return (row[: len(COLUMNS)] for row in export_rows(plan))


def _cell(value: object, text: Callable[[str], str]) -> str:
    if not isinstance(value, str):
        return "" if value is None else str(value)
    written = text(value)
    if not _QUOTED.search(written):
        return written
    doubled = written.replace('"', '""')
    return f'"{doubled}"'  # csv.writer would leave a CR unquoted
