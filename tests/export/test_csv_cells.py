"""CSV cells: guarded against spreadsheets that would run them, and exactly readable again."""

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.export.as_csv import csv_chunks, guard, unguard


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "'=1"])
def test_a_cell_that_a_spreadsheet_would_run_is_guarded(cell: str) -> None:
    assert guard(cell) == "'" + cell


@pytest.mark.parametrize("cell", ["", "cat/1.png", "a=b", "'tis", "2024-01-01"])
def test_other_cells_stay_as_they_are(cell: str) -> None:
    assert guard(cell) == cell


@given(st.text())
@example("''=x")
def test_a_guarded_cell_can_be_read_back_and_is_never_run(cell: str) -> None:
    assert unguard(guard(cell)) == cell
    assert not guard(cell).startswith(("=", "+", "-", "@", "\t", "\r"))


@given(st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.integers(), st.none())))
def test_what_is_written_is_what_a_csv_reader_reads(rows: list[tuple[str, int, None]]) -> None:
    content = b"".join(csv_chunks(("text", "number", "nothing"), rows)).decode()
    read = list(csv.reader(io.StringIO(content, newline="")))
    assert read == [
        ["text", "number", "nothing"],
        *([guard(text), str(number), ""] for text, number, _ in rows),
    ]


def test_numbers_are_not_guarded() -> None:
    assert b"".join(csv_chunks(("a", "b"), [(-0.5, "-0.5")])) == b"a,b\n-0.5,'-0.5\n"


def test_many_rows_come_in_pieces() -> None:
    assert len(list(csv_chunks(("a",), ((str(i),) for i in range(2500))))) == 3
