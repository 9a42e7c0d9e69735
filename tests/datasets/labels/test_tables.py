"""Label files are read as text, whatever program wrote them."""

import io
import zipfile

import pytest

from app.datasets.labels.tables import only_label_file, read_table, text_of
from app.errors import Invalid


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (float("nan"), ""),
        (3.0, "3"),
        (0.5, "0.5"),
        (True, "True"),
        ("007", "007"),
        (["a"], "a"),
        ({}, ""),
    ],
)
def test_a_value_becomes_text(value: object, text: str) -> None:
    assert text_of(value) == text


@pytest.mark.parametrize(
    ("content", "columns", "row"),
    [
        (b"a,b\n1,NA\n", ("a", "b"), ("1", "NA")),
        (b'a;b\r\n"x;y";" 2"\r\n', ("a", "b"), ("x;y", " 2")),
        (b"a,a,\n1,2,3\n", ("a", "column 2", "column 3"), ("1", "2", "3")),
        (b"a,b\n1\n", ("a", "b"), ("1", "")),
        ("größe,b\n1,é\n".encode("cp1252"), ("größe", "b"), ("1", "é")),
        (b"x/1.jpg,cat\n", ("column 1", "column 2"), ("x/1.jpg", "cat")),
        (b'a,b\n"two\nlines",c\n', ("a", "b"), ("two\nlines", "c")),
    ],
)
def test_a_csv_of_any_dialect_is_a_table(
    content: bytes, columns: tuple[str, ...], row: tuple[str, ...]
) -> None:
    table = read_table(content, name="a.csv")
    assert (table.columns, next(table.rows()), next(table.rows())) == (columns, row, row)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.json", b'{"a": 1}', "row that is no object"),
        ("a.json", b"[1, 2]", "row that is no object"),
        ("a.jsonl", b"{", "cannot be read as a table"),
        ("a.json", b"[" * 100_000, "cannot be read as a table"),
        ("a.parquet", b"PAR1", "no Parquet file"),
        ("a.csv", b"\n\n", "is empty"),
    ],
)
def test_what_is_no_table_is_refused_in_a_sentence(name: str, content: bytes, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        list(read_table(content, name=name).rows())


def test_our_export_for_spreadsheets_is_read_without_its_guards() -> None:
    head = "sample_id,path,sha256,given_label,label,verdict"
    row = "1,'-a/1.png,ab,'=1+1,''=q,"
    ours = read_table(f"\ufeff{head}\n{row}\n".encode(), name="a.csv")
    assert next(ours.rows()) == ("1", "-a/1.png", "ab", "=1+1", "'=q", "")
    plain = read_table(f"{head}\n{row}\n".encode(), name="a.csv")
    assert next(plain.rows())[3] == "'=1+1"


def test_of_a_zip_the_only_label_file_counts() -> None:
    def packed(*names: str) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as made:
            for name in names:
                made.writestr(name, "path,label")
        return out.getvalue()

    assert only_label_file(packed("x/tasks.json", "config.xml"), name="a.zip") == (
        b"path,label",
        "tasks.json",
    )
    assert only_label_file(b"path", name="a.csv") == (b"path", "a.csv")
    for content in (packed("a.csv", "b.csv"), packed("x.xml"), packed("a.csv")[:40]):
        with pytest.raises(Invalid, match=r"a.zip (has|cannot)"):
            only_label_file(content, name="a.zip")
