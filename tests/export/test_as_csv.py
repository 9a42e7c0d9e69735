"""CSV cells: plain ones are read back exactly.

Guarded ones run in no spreadsheet and can be read back too.
"""

import csv
import io
from collections.abc import Callable

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.datasets.labels.tables import unguarded
from app.db.engine import Database
from app.export.as_csv import csv_chunks, guard
from tests.export.pets import content, exported, table


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "'=1"])
def test_a_cell_that_a_spreadsheet_would_run_is_guarded(cell: str) -> None:
    assert guard(cell) == "'" + cell


@pytest.mark.parametrize("cell", ["", "cat/1.png", "a=b", "'tis", "2024-01-01"])
def test_other_cells_stay_as_they_are(cell: str) -> None:
    assert guard(cell) == cell


@given(st.text())
@example("''=x")
def test_a_guarded_cell_can_be_read_back_and_is_never_run(cell: str) -> None:
    assert unguarded(guard(cell)) == cell
    assert not guard(cell).startswith(("=", "+", "-", "@", "\t", "\r"))


NAMES = (
    *("NA", "null", "nan", "None", "", "007", "1e5", "0x1F", "True", "2024-01-01"),
    *("-1", "+1", "@home", "=cmd", "'=1", "\tx"),
    *('say "hi"', "a,b", "two\nlines", "two\r\nlines", "\r", " before", "after ", "Ålesund", "\ufeffx"),
)


TEXT = st.one_of(st.sampled_from(NAMES), st.text(st.characters(exclude_categories=["Cs"])))


def written(rows: list[tuple[object, ...]], **options: Callable[[str], str]) -> bytes:
    return b"".join(csv_chunks(("text", "number", "nothing"), rows, **options))


@given(st.lists(st.tuples(TEXT, st.integers(), st.none())))
def test_what_is_written_is_what_a_csv_reader_reads(rows: list[tuple[object, ...]]) -> None:
    read = list(csv.reader(io.StringIO(written(rows).decode(), newline="")))
    assert read == [["text", "number", "nothing"], *([text, str(n), ""] for text, n, _ in rows)]


@given(st.lists(st.tuples(TEXT, st.integers(), st.none())))
def test_what_is_written_guarded_is_what_a_csv_reader_reads(rows: list[tuple[object, ...]]) -> None:
    read = list(csv.reader(io.StringIO(written(rows, text=guard).decode(), newline="")))
    assert read[1:] == [[guard(str(text)), str(n), ""] for text, n, _ in rows]


@given(st.lists(st.tuples(TEXT.filter(lambda text: "\0" not in text), TEXT), min_size=1))  # no file has a NUL
@example([(name, "x") for name in NAMES])
def test_pandas_reads_every_name_as_it_is_when_it_is_told_to_guess_nothing(
    rows: list[tuple[str, str]],
) -> None:
    content = b"".join(csv_chunks(("path", "label"), [(a, b.replace("\0", "")) for a, b in rows]))
    frame = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False, skip_blank_lines=False)
    assert list(frame["path"]) == [path for path, _ in rows]
    assert list(frame["label"]) == [label.replace("\0", "") for _, label in rows]


def test_numbers_are_not_guarded() -> None:
    assert written([(-0.5, "-0.5", None)], text=guard).endswith(b"\n-0.5,'-0.5,\n")
    assert written([(-0.5, "-0.5", None)]).endswith(b"\n-0.5,-0.5,\n")


def test_many_rows_come_in_pieces() -> None:
    assert len(list(csv_chunks(("a",), ((str(i),) for i in range(2500))))) == 4  # with the header


def test_a_csv_for_spreadsheets_is_the_same_table_marked_as_utf_8_and_guarded(
    database: Database, cleaned: int
) -> None:
    export = exported(database, cleaned, "csv-excel")
    text = b"".join(export.chunks)
    assert (export.filename, export.media_type) == ("pets-v1-excel.csv", "text/csv; charset=utf-8")
    assert text.startswith(b"\xef\xbb\xbfsample_id,")
    rows, plain = table(text.removeprefix(b"\xef\xbb\xbf")), table(content(database, cleaned, "csv"))
    assert [row["label"] for row in rows if row["path"] == "'=cat/2.png"] == ["'=cat"]
    assert [{column: unguarded(cell) for column, cell in row.items()} for row in rows] == plain
    assert export.etag != exported(database, cleaned, "csv").etag
