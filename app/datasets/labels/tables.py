"""Label files as tables of text: CSV of any dialect, JSON Lines, a JSON list, Parquet (pure).

Text is never changed: `007`, `NA` and `True` stay as they are written. A number of JSON or Parquet is written
as Python does, a whole one without decimals; a missing value is empty.
"""

import csv
import io
import json
import math
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any

from app.datasets.layout import IMAGE_SUFFIXES
from app.datasets.naming import printable
from app.errors import Invalid

SPREADSHEETS = (".xlsx", ".xls", ".xlsm", ".ods", ".numbers")
SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet")
LOOKED_AT = 1000  # rows that show which columns there are
CELL = 16 * 1024**2  # characters of one cell of a CSV
LARGEST = 256 * 1024**2  # bytes of a label file
MOST_ROWS = 5_000_000
BATCH = 4096  # rows of a Parquet file at once
OWN_COLUMNS = {"sample_id", "path", "sha256", "given_label", "label", "verdict"}  # of our export csv-excel
_SEPARATOR = re.compile(r'"?sep=(.)"?\r?\n?')  # the first line of a CSV that tells Excel its delimiter
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_GUARDED = re.compile(r"'+[=+\-@\t\r]")
Row = tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """Columns by name, and the rows, which are read again with every call of `rows`."""

    name: str
    columns: tuple[str, ...]
    rows: Callable[[], Iterator[Row]]  # one with more cells than columns is broken: some cell has a delimiter
    doubled: frozenset[str] = frozenset()  # names of several columns; all but the first have numbers instead

    def whole(self, most: int | None = None) -> Iterator[Row]:
        """The rows that have no more cells than there are columns, of the first `most` rows."""
        return (row for row in islice(self.rows(), most) if len(row) <= len(self.columns))

    def column(self, name: str) -> int:
        """The place of a column. Raises Invalid, naming the columns."""
        if name not in self.columns:
            listed = ", ".join(f"“{each}”" for each in self.columns[:20])
            raise Invalid(f"{self.name} has no column “{printable(name)}”; its columns are {listed}.")
        return self.columns.index(name)


def read_table(content: bytes, *, name: str) -> Table:
    """The table in a file, by the suffix of its name. Raises Invalid if it is none."""
    with _told(name):
        table = _table(content, name)

    def rows() -> Iterator[Row]:
        with _told(name):
            for number, row in enumerate(table.rows()):
                check_rows(number + 1, name)
                yield row

    return replace(table, rows=rows)


def check_rows(count: int, name: str) -> None:
    """Raises Invalid if these are more rows than a label file may have."""
    if count > MOST_ROWS:
        raise Invalid(f"{name} has more than {MOST_ROWS:,} rows; send it in parts.")


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Says in a sentence that a file is damaged, also where this shows only in a late row."""
    try:
        yield
    except Invalid:
        raise
    except (ValueError, csv.Error, OSError, RecursionError, ArithmeticError) as error:
        said = printable(str(error).splitlines()[0])[:200] if str(error) else type(error).__name__
        raise Invalid(f"{name} cannot be read as a table ({said}); save it again as CSV in UTF-8.") from error


def _table(content: bytes, name: str) -> Table:
    suffix = suffix_of(name)
    if suffix == ".parquet":
        return _parquet(content, name)
    text = decoded(content)
    if suffix in (".jsonl", ".ndjson"):
        return _records(name, lambda: _lines_of_json(text, name))
    if suffix == ".json":
        check_rows(text.count("{"), name)
        found = read_json(text)
        return _records(name, lambda: iter(found if isinstance(found, list) else [None]))
    return _csv(text, name, marked=content.startswith(b"\xef\xbb\xbf"))


def unguarded(text: str) -> str:
    """The text of a cell that our export for spreadsheets has written, without the apostrophe in front."""
    return text[1:] if _GUARDED.match(text) else text


def only_label_file(content: bytes, *, name: str) -> tuple[bytes, str]:
    """The content and name of a label file; of a zip with exactly one, such as an export, that one.

    Raises Invalid for a zip with none or several, or one that is too large.
    """
    if not content.startswith(b"PK\3\4"):
        return content, name
    if is_spreadsheet(name):
        raise no_label_file(name)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            inside = [entry for entry in archive.infolist() if suffix_of(entry.filename)]
            if len(inside) != 1:
                raise Invalid(f"{name} has {len(inside)} label files in it; name one that is not in a zip.")
            if inside[0].file_size > LARGEST:
                raise Invalid(
                    f"The label file in {name} has more than {LARGEST // 1024**2} MB when it is unzipped; "
                    "send it in parts."
                )
            return archive.read(inside[0]), inside[0].filename.rpartition("/")[2]
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError) as error:
        raise Invalid(f"{name} cannot be unzipped ({error}); send the label file itself.") from error


def is_spreadsheet(name: str) -> bool:
    """Whether a file is one of Excel, LibreOffice or Numbers, by its name."""
    return name.casefold().endswith(SPREADSHEETS)


def no_label_file(name: str) -> Invalid:
    """What to do with a file that is read as no label file, by its name."""
    if is_spreadsheet(name):
        return Invalid(f"{name} is a spreadsheet; save it as CSV in UTF-8, and use that file.")
    return Invalid(f"{name} is no label file: use CSV, TSV, JSON Lines, JSON or Parquet.")


def suffix_of(name: str) -> str:
    """The suffix of a label file, in lower case; empty for other files."""
    folded = name.casefold()
    return next((suffix for suffix in SUFFIXES if folded.endswith(suffix)), "")


def decoded(content: bytes) -> str:
    """The text of a file: UTF-8, UTF-16 with its mark, else the code page of Western Windows."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def read_json(text: str) -> Any:
    """The value. Raises JSONDecodeError, also for half a character, which is no text; RecursionError."""
    value = json.loads(text)
    if half := _HALF.search(text):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            said = "half a character (a lone surrogate)"
            raise json.JSONDecodeError(said, text, half.start()) from None
    return value


def text_of(value: Any) -> str:
    """A value of JSON or Parquet as text."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, list) and len(value) == 1:
        return text_of(value[0])
    return str(value) if not isinstance(value, dict | list | bytes) else ""


def _csv(text: str, name: str, *, marked: bool) -> Table:
    start = text[:65536]
    if told := _SEPARATOR.match(start):
        text, start = text[told.end() :], start[told.end() :]
    first = next((line for line in start.splitlines() if line.strip()), "")
    delimiter = told[1] if told else max(",;\t|", key=first.count)
    csv.field_size_limit(CELL)

    def lines() -> Iterator[list[str]]:
        found = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        return (row for row in found if row)

    head = next(lines(), None)
    if not head:
        raise Invalid(f"{name} is empty; it needs a column of paths and one of classes.")
    has_header = not any(cell.strip().casefold().endswith(IMAGE_SUFFIXES) for cell in head)
    names = [cell.strip() if has_header else "" for cell in head]
    columns = _named(names)
    width = len(columns)
    # for spreadsheets: text that would run as a formula is guarded
    ours = marked and {*columns} >= OWN_COLUMNS

    def rows() -> Iterator[Row]:
        for row in islice(lines(), int(has_header), None):
            kept = row if any(map(str.strip, row[width:])) else row[:width]
            cells = map(unguarded, kept) if ours else kept
            yield tuple(cells) + ("",) * (width - len(row))

    doubled = frozenset(each for each in names if each and names.count(each) > 1)
    return Table(name, columns, rows, doubled)


def _named(cells: list[str]) -> tuple[str, ...]:
    """The names of columns; a column without a name, or with that of another, gets its number."""
    named: list[str] = []
    for number, cell in enumerate(cells, start=1):
        named.append(cell if cell and cell not in named else f"column {number}")
    return tuple(named)


def _lines_of_json(text: str, name: str) -> Iterator[Any]:
    """The value of each line. Raises Invalid with the number of a line that is no JSON."""
    for number, line in enumerate(io.StringIO(text, newline=None), start=1):
        if line.strip():
            try:
                yield read_json(line)
            except json.JSONDecodeError as error:
                raise Invalid(
                    f"Line {number:,} of {name} is no JSON ({error.msg}); mend or remove it."
                ) from error


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    """A record with each field of an object in it as one of its own, as `image.path`."""
    flat: dict[str, Any] = {}
    for name, value in record.items():
        flat |= (
            {f"{name}.{each}": of for each, of in value.items()} if isinstance(value, dict) else {name: value}
        )
    return flat


def _records(name: str, records: Callable[[], Iterator[Any]]) -> Table:
    found: dict[str, None] = {}

    def objects() -> Iterator[dict[str, Any]]:
        for record in records():
            if not isinstance(record, dict):
                raise Invalid(
                    f"{name} has a row that is no object; each row must be one, with the same fields."
                )
            yield _flat(record) if any(isinstance(value, dict) for value in record.values()) else record

    for record in islice(objects(), LOOKED_AT):
        found |= dict.fromkeys(record)
    columns = tuple(found)

    def rows() -> Iterator[Row]:
        for record in objects():
            yield tuple(text_of(record.get(column)) for column in columns)

    return Table(name, columns, rows)


def _parquet(content: bytes, name: str) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with undamaged(name):
        file = pq.ParquetFile(pa.BufferReader(content))
    check_rows(file.metadata.num_rows, name)
    names = class_names_of(file.schema_arrow.metadata)
    columns = tuple(chain.from_iterable(map(_columns_of, file.schema_arrow)))

    def rows() -> Iterator[Row]:
        with undamaged(name):
            for batch in file.iter_batches(batch_size=BATCH, columns=list(columns)):
                flat = pa.Table.from_batches([batch]).flatten()
                found = [
                    _texts(column.to_pylist(), names.get(column_name))
                    for column_name, column in zip(flat.schema.names, flat.columns, strict=True)
                ]
                yield from zip(*found, strict=True)

    return Table(name, columns, rows)


@contextmanager
def undamaged(name: str) -> Iterator[None]:
    """Says in a sentence that a Parquet file is damaged, also where this shows only in a late row."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError, ArithmeticError) as error:
        said = printable(str(error).splitlines()[0])[:200] if str(error) else type(error).__name__
        raise Invalid(f"{name} is no Parquet file, or it is damaged ({said}).") from error


def _columns_of(field: Any) -> list[str]:
    """The columns of a field that have texts and numbers: itself, or the fields in it, as `image.path`."""
    import pyarrow as pa

    if pa.types.is_struct(field.type):
        inside = [each for each in field.type if not (pa.types.is_nested(each.type) or _is_binary(each.type))]
        return [f"{field.name}.{each.name}" for each in inside]
    return [field.name] if not pa.types.is_nested(field.type) or _is_texts(field) else []


def _is_binary(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _is_texts(field: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_list(field.type) and not pa.types.is_nested(field.type.value_type))


def _texts(values: list[Any], names: tuple[str, ...] | None) -> list[str]:
    if names is None:
        return list(map(text_of, values))
    return [text_of_class(value, names) for value in values]


def text_of_class(value: Any, names: tuple[str, ...]) -> str:
    """The name of a class by its number, which is 1.0 where pandas had rows without one; empty: no class."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int):
        return names[value] if value in range(len(names)) else ""
    return value if isinstance(value, str) and value in names else ""


def class_names_of(metadata: dict[bytes, bytes] | None) -> dict[str, tuple[str, ...]]:
    """The names of classes that the library `datasets` keeps in the schema, by column of numbers."""
    try:
        features = read_json((metadata or {})[b"huggingface"].decode())["info"]["features"]
        return {
            column: tuple(map(str, feature["names"]))
            for column, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" and feature.get("names")
        }
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}
