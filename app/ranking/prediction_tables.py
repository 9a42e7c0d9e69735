"""Predictions in tables: CSV, and Parquet where pyarrow is installed; columns are named as classes."""

import csv
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from app.errors import Invalid
from app.ranking.prediction_parts import ID_NAMES, ROWS, SAMPLE_NAMES, Part, Predictions, columns_of
from app.spelling import places_of

PARQUET = b"PAR1"
INDEX = "__index_level_0__"  # the index of a pandas table in Parquet, if it has no name
_PREFIX = "p_"  # of a class in the tables that Toploss writes
# Columns of these tables that are no class.
_BESIDE = frozenset(
    (
        *ID_NAMES,
        "rank",
        "split",
        "sha256",
        "given_label",
        "label",
        "predicted_label",
        "loss",
        "self_confidence",
        "confidence",
        "margin",
        "error_probability",
        INDEX,
    )
)


@contextmanager
def open_csv(path: Path, *, names: Sequence[str]) -> Iterator[Predictions]:
    """The predictions of a CSV in UTF-8 with a header. Raises Invalid."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            head_line = file.readline(1024**2)
        except UnicodeDecodeError as error:
            raise Invalid(_NO_KNOWN_FILE) from error
        delimiter = max(",;\t", key=head_line.count)
        file.seek(0)
        reader = csv.reader(file, delimiter=delimiter)
        try:
            head = next(reader, [])
        except (csv.Error, UnicodeDecodeError) as error:
            raise Invalid(_NO_KNOWN_FILE) from error
        if len(head) < 2:  # noqa: PLR2004 - an id and a class
            raise Invalid(_NO_KNOWN_FILE)
        chosen = _Columns(head, names)
        yield Predictions(lambda: _csv_parts(reader, head, chosen), chosen.by_sample, 0.01)


_NO_KNOWN_FILE = (
    "The file is no .npy, .npz, CSV or Parquet file. A CSV is text in UTF-8 with a header: a column “path” "
    "or “sample_id”, and one column for each class, named as the class."
)


class _Columns:
    """Which column of a table is what."""

    def __init__(self, head: Sequence[str], names: Sequence[str]) -> None:
        written = [name.strip() for name in head]
        self.id = next((written.index(name) for name in (*ID_NAMES, INDEX) if name in written), None)
        if self.id is None and written and not written[0] and not places_of("", names):
            self.id = 0  # the index of a pandas table in CSV
        if self.id is None:
            raise Invalid(
                "The table has no column “path” or “sample_id” that says which row is which image; add one."
            )
        self.by_sample = written[self.id] in SAMPLE_NAMES
        marked = {place: name[len(_PREFIX) :] for place, name in enumerate(written) if _is_marked(name)}
        if marked and all(places_of(name, list(marked.values())) for name in names):
            places, shown = marked, f"{_PREFIX}{{}}"
        else:
            shown = "{}"
            places = {
                place: name
                for place, name in enumerate(written)
                if place != self.id and (name not in _BESIDE or name in names)
            }
        keys = list(places)
        order = columns_of(list(places.values()), names, shown=shown)
        self.classes = [keys[place] for place in order]


def _is_marked(name: str) -> bool:
    return name.startswith(_PREFIX)


def _csv_parts(reader: Any, head: list[str], columns: _Columns) -> Iterator[Part]:
    ids: list[str] = []
    cells: list[list[str]] = []
    first = 2  # the line after the header
    try:
        for row in reader:
            if not row:
                continue
            if len(row) != len(head):
                raise Invalid(
                    f"Line {reader.line_num} has {len(row)} cells, but the header has {len(head)}; "
                    "write the table again."
                )
            ids.append(row[columns.id or 0])
            cells.append([row[place] for place in columns.classes])
            if len(ids) == ROWS:
                yield Part(ids, _numbers(cells, first, head, columns))
                ids, cells, first = [], [], reader.line_num + 1
    except (csv.Error, UnicodeDecodeError) as error:
        raise Invalid(f"The CSV cannot be read after line {reader.line_num}: {error}.") from error
    if ids:
        yield Part(ids, _numbers(cells, first, head, columns))


def _numbers(cells: list[list[str]], first: int, head: list[str], columns: _Columns) -> np.ndarray:
    try:
        return np.array(cells, dtype=np.float64)
    except ValueError:
        found = np.empty((len(cells), len(columns.classes)))
        for row, values in enumerate(cells):
            for place, text in enumerate(values):
                try:
                    found[row, place] = float(text) if text.strip() else math.nan
                except ValueError as error:
                    hint = " Write decimal points, not commas." if "," in text else ""
                    raise Invalid(
                        f"“{text[:40]}” in the column “{head[columns.classes[place]]}” is no number (row "
                        f"{first + row - 1:,} of the table).{hint}"
                    ) from error
        return found


@contextmanager
def open_parquet(path: Path, *, names: Sequence[str]) -> Iterator[Predictions]:
    """The predictions of a Parquet file. Raises Invalid, also where pyarrow is not installed."""
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise Invalid(
            "Parquet files are read with pyarrow, which is not installed: `pip install pyarrow`, or save the "
            "table as CSV."
        ) from error
    try:
        with parquet.ParquetFile(path) as file:
            head = file.schema_arrow.names
            chosen = _Columns(head, names)
            yield Predictions(lambda: _parquet_parts(file, head, chosen), chosen.by_sample, 0.01)
    except ArrowException as error:
        raise Invalid(f"The Parquet file cannot be read ({error}); write it again.") from error


def _parquet_parts(file: Any, head: list[str], columns: _Columns) -> Iterator[Part]:
    id_name, wanted = head[columns.id or 0], [head[place] for place in columns.classes]
    for batch in file.iter_batches(batch_size=ROWS, columns=[id_name, *wanted]):
        ids = ["" if each is None else str(each) for each in batch.column(id_name).to_pylist()]
        values = np.empty((len(ids), len(wanted)))
        for place, name in enumerate(wanted):
            try:
                values[:, place] = np.array(batch.column(name).to_pylist(), dtype=np.float64)
            except (TypeError, ValueError) as error:
                raise Invalid(f"The column “{name}” has values that are no numbers; write floats.") from error
        yield Part(ids, values)
