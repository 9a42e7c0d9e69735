"""The rows of an export: which samples, in which order, with what was decided."""

import pytest

from app.db.engine import Database
from app.export import rows as export_rows_module
from tests.export.pets import COLUMNS, content, exported, table


def test_a_csv_has_one_row_a_sample_in_the_order_of_the_paths(database: Database, cleaned: int) -> None:
    export = exported(database, cleaned, "csv")
    rows = table(b"".join(export.chunks))
    assert (export.filename, export.media_type) == ("pets-v1.csv", "text/csv; charset=utf-8")
    assert list(rows[0]) == COLUMNS
    assert [row["path"] for row in rows] == [f"%63on/{i}.png" for i in range(4)] + [
        "=cat/0.png",
        "=cat/2.png",
        "=cat/3.png",
    ] + [f"a%2Fb/{i}.png" for i in range(4)]
    relabelled = rows[4]
    assert [relabelled[c] for c in ("given_label", "label", "verdict", "status", "reviews", "reviewers")] == [
        "=cat",
        "a/b",
        "relabel",
        "single",
        "1",
        "ann",
    ]
    assert [
        relabelled[c]
        for c in ("self_confidence", "predicted_label", "confidence", "loss", "rank", "run", "version")
    ] == [
        "0.25",
        "=cat",
        "0.75",
        "0.5",
        "5",
        "1",
        "1",
    ]
    assert relabelled["decided_at"].endswith(".120Z")
    assert [rows[0][c] for c in ("label", "verdict", "status", "reviews", "reviewers", "decided_at")] == [
        "con",
        "",
        "unreviewed",
        "0",
        "",
        "",
    ]


def test_deleted_samples_are_listed_only_when_asked_for(database: Database, cleaned: int) -> None:
    assert len(table(content(database, cleaned, "csv"))) == 11
    rows = {row["path"]: row for row in table(content(database, cleaned, "csv", include_deleted=True))}
    assert len(rows) == 12
    assert (rows["=cat/1.png"]["label"], rows["=cat/1.png"]["verdict"]) == ("", "delete")


def test_pages_of_any_size_make_the_same_file(
    database: Database, cleaned: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content(database, cleaned, "csv")
    monkeypatch.setattr(export_rows_module, "PAGE", 3)
    assert content(database, cleaned, "csv") == before
