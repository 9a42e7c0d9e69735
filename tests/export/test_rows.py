"""The rows of an export: which samples, in which order, with what was decided."""

import pytest

from app.datasets.catalog import get_dataset
from app.datasets.removing import begin_removal, finish_removals
from app.db.engine import Database
from app.errors import NotFound
from app.export import rows as export_rows_module
from app.export.formats import FORMATS
from app.settings import Settings
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


@pytest.mark.parametrize("format", sorted(FORMATS))
def test_an_export_whose_data_set_is_deleted_meanwhile_breaks_off(
    database: Database,
    settings: Settings,
    cleaned: int,
    format: str,  # noqa: A002
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(export_rows_module, "PAGE", 3)
    export = exported(database, cleaned, format)
    pages = iter(export_rows_module.export_rows(export.plan))
    first = next(pages)
    assert first.path == "%63on/0.png"
    with database.write() as session:
        begin_removal(session, get_dataset(session, name="pets"))
    with pytest.raises(NotFound, match="not complete"):
        list(pages)
    with pytest.raises(NotFound, match="not complete"):
        b"".join(export.chunks)
    finish_removals(database, settings)
    with pytest.raises(NotFound, match="not complete"):
        list(export_rows_module.export_rows(export.plan))
