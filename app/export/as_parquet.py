"""Parquet: one row per sample with a type for every column, which no reader has to guess.

A missing value is null; `decided_at` is a time in UTC. The file is written row group by row group, so that
only one is in memory.
"""

import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from app.export.rows import ExportPlan, export_columns

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_A_GROUP = 50_000
WHOLE = {"sample_id", "reviews", "rank", "run", "version"}
FRACTIONS = {"self_confidence", "confidence", "loss", "error_probability"}


class Sink(io.RawIOBase):
    """A file that is only written: what it was given can be taken from it piece by piece."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, content: Any) -> int:
        """Keep the bytes until they are taken."""
        piece = bytes(content)
        self._pieces.append(piece)
        self._written += len(piece)
        return len(piece)

    def tell(self) -> int:
        """How many bytes were written, taken ones included."""
        return self._written

    def take(self) -> bytes:
        """The bytes since the last time."""
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


def write_parquet(plan: ExportPlan) -> Iterator[bytes]:
    """The file's bytes, a row group at a time."""
    import pyarrow as pa  # only for this format: it takes 55 MB
    from pyarrow.parquet import ParquetWriter

    schema, sink = _schema(plan.columns), Sink()
    waiting: list[pa.RecordBatch] = []
    with ParquetWriter(sink, schema) as writer:
        for columns in export_columns(plan):
            waiting.append(_batch(schema, columns))
            if sum(batch.num_rows for batch in waiting) >= ROWS_A_GROUP:
                writer.write_table(pa.Table.from_batches(waiting, schema))
                waiting.clear()
                yield sink.take()
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting, schema))
    yield sink.take()


def _schema(columns: Sequence[str]) -> "pa.Schema":
    import pyarrow as pa

    def kind(name: str) -> "pa.DataType":
        if name.startswith("probability_"):
            return pa.float32()
        if name == "decided_at":
            return pa.timestamp("ms", tz="UTC")
        return pa.int64() if name in WHOLE else pa.float64() if name in FRACTIONS else pa.string()

    return pa.schema([(name, kind(name)) for name in columns])


def _batch(schema: "pa.Schema", columns: Sequence[Sequence[Any]]) -> "pa.RecordBatch":
    import pyarrow as pa

    arrays = []
    for field, column in zip(schema, columns, strict=True):
        if field.name == "decided_at":
            arrays.append(pa.array([moment or None for moment in column], pa.string()).cast(field.type))
        else:
            arrays.append(pa.array(column, field.type))
    return pa.record_batch(arrays, schema=schema)
