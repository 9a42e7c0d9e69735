"""Label files are read as text, whatever program wrote them."""

import io
import json
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.datasets.labels import tables
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
        (b"sep=;\r\na;b,c\r\n1;2,3\r\n", ("a", "b,c"), ("1", "2,3")),
        (b'\xef\xbb\xbf"sep=|"\na|b\n1|2\n', ("a", "b"), ("1", "2")),
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
        ("a.jsonl", b"{", "Line 1 of a.jsonl is no JSON"),
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


@pytest.mark.parametrize("late", ['{"path": broken', "[1, 2]", '{"path": ' + "9" * 5000 + "}"])
def test_a_late_row_that_cannot_be_read_is_refused_in_a_sentence(late: str) -> None:
    good = json.dumps({"path": "a.png", "label": "cat\u2028"}, ensure_ascii=False)
    table = read_table("\n".join([*[good] * 1200, late]).encode(), name="a.jsonl")
    assert next(table.rows()) == ("a.png", "cat\u2028")
    with pytest.raises(
        Invalid, match=r"a\.jsonl (has a row that is no object|cannot be read as a table|is no JSON)"
    ):
        list(table.rows())


def test_a_parquet_file_with_damaged_pages_is_refused_in_a_sentence() -> None:
    out = io.BytesIO()
    pq.write_table(pa.table({"path": [f"{i}.png" for i in range(8000)], "label": ["cat"] * 8000}), out)
    damaged = bytearray(out.getvalue())
    damaged[100:300] = b"\xff" * 200
    table = read_table(bytes(damaged), name="a.parquet")
    with pytest.raises(Invalid, match=r"a\.parquet is no Parquet file, or it is damaged"):
        list(table.rows())


def test_numbers_of_classes_that_became_floats_are_classes_and_missing_ones_are_none() -> None:
    out = io.BytesIO()
    features = {"label": {"_type": "ClassLabel", "names": ["cat", "dog"]}}
    made = pa.table({"label": [1.0, None, float("nan"), 0.5, 0.0, 7.0]})
    meta = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(made.replace_schema_metadata(meta), out)
    rows = read_table(out.getvalue(), name="a.parquet").rows()
    assert [label for (label,) in rows] == ["dog", "", "", "", "cat", ""]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.json", "a.parquet"])
def test_more_rows_than_a_label_file_may_have_are_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MOST_ROWS", 3)
    out = io.BytesIO()
    pq.write_table(pa.table({"path": ["a.png"] * 4, "label": ["cat"] * 4}), out)
    row = json.dumps({"path": "a.png", "label": "cat"})
    contents = {
        "a.csv": b"path,label\n" + b"a.png,cat\n" * 4,
        "a.jsonl": f"{row}\n".encode() * 4,
        "a.json": f"[{', '.join([row] * 4)}]".encode(),
        "a.parquet": out.getvalue(),
    }
    with pytest.raises(Invalid, match=f"{name} has more than 3 rows; send it in parts"):
        list(read_table(contents[name], name=name).rows())


def test_a_zip_whose_label_file_is_too_large_unpacked_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "LARGEST", 1024**2)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", b"path,label\n" + b"x,y\n" * 500_000)
    with pytest.raises(Invalid, match="has more than 1 MB when it is unzipped; send it in parts"):
        only_label_file(out.getvalue(), name="a.zip")


def test_the_fields_of_an_object_in_a_row_are_columns_in_json_and_parquet() -> None:
    rows = [
        {"image": {"path": "a/1.png", "bytes": None}, "label": {"name": "cat"}, "n": 1},
        {"image": {"path": "a/2.png", "bytes": b"png"}, "label": {"name": "dog"}, "n": 2},
    ]
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), file)
    found = [read_table(file.getvalue(), name="l.parquet")]
    lines = "\n".join(json.dumps(row, default=str) for row in rows)
    found.append(read_table(lines.encode(), name="l.jsonl"))
    for table in found:
        places = [table.column(name) for name in ("image.path", "label.name", "n")]
        assert [tuple(row[place] for place in places) for row in table.rows()] == [
            ("a/1.png", "cat", "1"),
            ("a/2.png", "dog", "2"),
        ]
    assert "image.bytes" not in found[0].columns


def test_a_line_that_is_no_json_is_named_by_its_number() -> None:
    table = read_table(b'{"a": 1}\n\n{"a": 2}\n' * 600 + b"{bad\n", name="l.jsonl")
    with pytest.raises(Invalid, match=r"Line 1,801 of l\.jsonl is no JSON \(Expecting property name"):
        list(table.rows())


@pytest.mark.parametrize("name", ["l.json", "l.jsonl"])
@pytest.mark.parametrize(
    "row", [r'{"label": "\ud83d"}', r'{"\uDE00": "a"}', r'{"label": ["a", "\ude00\ud83d"]}']
)
def test_half_a_character_is_refused_and_a_whole_one_in_two_parts_is_read(name: str, row: str) -> None:
    def read(text: str) -> list[tuple[str, ...]]:
        content = f"[{text}]" if name == "l.json" else text
        return list(read_table(content.encode(), name=name).rows())

    with pytest.raises(Invalid, match="half a character"):
        read(row)
    assert read(r'{"label": "\ud83d\uDE00"}') == [("\U0001f600",)]


def test_a_spreadsheet_is_to_be_saved_as_csv() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    with pytest.raises(Invalid, match=r"Final\.XLSX is a spreadsheet; save it as CSV"):
        only_label_file(file.getvalue(), name="Final.XLSX")
