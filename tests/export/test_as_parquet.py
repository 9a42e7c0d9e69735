"""Parquet: the rows of the CSV with types, and columns of probabilities in every table."""

import io
import json
from datetime import datetime

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import update

from app.db.engine import Database
from app.errors import Invalid
from app.export import as_parquet
from app.export import rows as export_rows_module
from app.ranking.models import Prediction
from tests.export.pets import COLUMNS, content, exported, rank, table

PROBABILITIES = ["probability_=cat", "probability_a/b", "probability_con"]


def read(database: Database, version_id: int, **options: int | bool) -> pa.Table:
    return pq.read_table(io.BytesIO(content(database, version_id, "parquet", **options)))


def test_parquet_has_the_rows_of_the_csv_with_types(database: Database, cleaned: int) -> None:
    export = exported(database, cleaned, "parquet", include_deleted=True)
    found = pq.read_table(io.BytesIO(b"".join(export.chunks)))
    assert (export.filename, found.column_names) == ("pets-v1.parquet", COLUMNS)
    assert found.schema.field("rank").type == pa.int64()
    assert found.schema.field("label").type == pa.string()
    assert found.schema.field("loss").type == pa.float64()
    rows = table(content(database, cleaned, "csv", include_deleted=True))
    for row, other in zip(found.to_pylist(), rows, strict=True):
        moment = row.pop("decided_at")
        assert (moment is None) == (other["decided_at"] == "")
        if moment:
            assert moment == datetime.fromisoformat(other["decided_at"])
            assert moment.tzinfo is not None
        assert {name: "" if value is None else str(value) for name, value in row.items()} == {
            name: value for name, value in other.items() if name != "decided_at"
        }


def test_pieces_of_any_size_make_the_same_rows_and_two_exports_the_same_bytes(
    database: Database, cleaned: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = content(database, cleaned, "parquet")
    assert content(database, cleaned, "parquet") == first
    monkeypatch.setattr(export_rows_module, "PAGE", 2)
    monkeypatch.setattr(as_parquet, "ROWS_A_GROUP", 3)
    export = exported(database, cleaned, "parquet")
    pieces = list(export.chunks)
    assert len(pieces) > 2  # so it was never in memory as a whole
    found = pq.ParquetFile(io.BytesIO(b"".join(pieces)))
    assert found.num_row_groups > 2
    assert found.read().equals(pq.read_table(io.BytesIO(first)))


def test_every_table_has_the_probability_of_each_class_on_request(database: Database, cleaned: int) -> None:
    asked = {"probabilities": True, "include_deleted": True}
    found = read(database, cleaned, **asked)
    assert found.column_names == [*COLUMNS, *PROBABILITIES]
    csv = content(database, cleaned, "csv", **asked)
    excel = content(database, cleaned, "csv-excel", **asked)
    for rows in (
        found.to_pylist(),
        list(map(json.loads, content(database, cleaned, "jsonl", **asked).splitlines())),
        table(csv),
        table(excel.removeprefix(b"\xef\xbb\xbf")),
    ):
        assert [[round(float(row[name]), 6) for name in PROBABILITIES] for row in rows] == [
            [0.75, 0.15, 0.1]
        ] * 12
    assert list(pd.read_csv(io.BytesIO(csv)).columns) == [*COLUMNS, *PROBABILITIES]
    plain = exported(database, cleaned, "csv")
    assert exported(database, cleaned, "csv", probabilities=True).etag != plain.etag


def test_an_infinite_loss_stays_one_and_what_was_not_predicted_is_null(
    database: Database, given_labels: int
) -> None:
    run_id = rank(database, given_labels, finished_ago=1)
    with database.write() as session:
        session.execute(update(Prediction).where(Prediction.rank == 1).values(loss=float("inf")))
        session.delete(session.get_one(Prediction, (run_id, 2)))
    rows = read(database, given_labels, run_id=run_id, probabilities=True).to_pylist()
    assert [row["loss"] for row in rows if row["rank"] == 1] == [float("inf")]
    unknown = next(row for row in rows if row["sample_id"] == 2)
    assert [unknown[name] for name in ("predicted_label", "rank", "run", *PROBABILITIES)] == [None] * 6


def test_probabilities_are_refused_where_there_are_none(database: Database, given_labels: int) -> None:
    with pytest.raises(Invalid, match="the probabilities of a model, and none has finished yet; train first"):
        content(database, given_labels, "csv", probabilities=True)
    run_id = rank(database, given_labels, finished_ago=1)
    with pytest.raises(Invalid, match="imagefolder has no columns of probabilities; choose one of parquet"):
        content(database, given_labels, "imagefolder", probabilities=True, run_id=run_id)
