"""A zip that `datasets` reads when it is unpacked: Parquet files with the images in them, a folder per part.

Each row has the image, its label (a ClassLabel of all class names),
the sample's id and its path. A zip that is not unpacked is one part for `datasets`, so the documentation
unpacks it first. The files have the version's digest in their names: `datasets` keeps what it has read by
name and time, and would give the labels of another version. It does so too where a `README.md` names the
files, so there is none.
"""

import json
import zlib
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from stream_zip import ZIP_64, MemberFile, stream_zip

from app.datasets.missing import Lost
from app.export.as_imagefolder import DATE, MODE, missing_member, used_classes
from app.export.as_parquet import Sink
from app.export.pictures import read_images, with_file, with_known_suffix
from app.export.rows import ExportPlan, ExportRow

if TYPE_CHECKING:
    import pyarrow as pa

PARTS = {"train": "train", "valid": "validation", "test": "test"}  # as `datasets` calls them
IMAGES_A_FILE = 10_000
IMAGES_A_GROUP = 100


def write_huggingface(plan: ExportPlan) -> Iterator[bytes]:
    """The zip's bytes; a hundred images are in memory at a time."""
    yield from stream_zip(_members(plan), get_compressobj=lambda: zlib.compressobj(1, wbits=-zlib.MAX_WBITS))


def _members(plan: ExportPlan) -> Iterator[MemberFile]:
    classes = used_classes(plan)
    found = {row.split for row in with_file(plan)}
    parts = [split for split in PARTS if split in found]
    lost: list[Lost] = list(plan.lost)
    for split in parts:
        rows = (row for row in with_file(plan) if row.split == split)
        number = 0
        while some := list(islice(rows, IMAGES_A_FILE)):
            name = f"{PARTS[split]}/{plan.digest[:12]}-{number:05}.parquet"
            yield name, DATE, MODE, ZIP_64, _parquet(plan, some, classes, lost)
            number += 1
    if lost:
        yield missing_member(lost)


def _schema(classes: Iterable[str]) -> "pa.Schema":
    import pyarrow as pa

    features = {
        "image": {"_type": "Image"},
        "label": {"names": list(classes), "_type": "ClassLabel"},
        "sample_id": {"dtype": "int64", "_type": "Value"},
        "path": {"dtype": "string", "_type": "Value"},
    }
    fields = [
        ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        ("label", pa.int64()),
        ("sample_id", pa.int64()),
        ("path", pa.string()),
    ]
    said = json.dumps({"info": {"features": features}}, ensure_ascii=False)
    return pa.schema(fields, metadata={"huggingface": said})  # without it the class names are lost


def _parquet(
    plan: ExportPlan, rows: list[ExportRow], classes: tuple[str, ...], lost: list[Lost]
) -> Iterator[bytes]:
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    schema, sink = _schema(classes), Sink()
    positions = {name: position for position, name in enumerate(classes)}
    images = read_images(plan, rows, lost)
    with ParquetWriter(sink, schema, compression="NONE") as writer:
        while some := list(islice(images, IMAGES_A_GROUP)):
            records: list[dict[str, Any]] = [
                {
                    "image": {"bytes": content, "path": with_known_suffix(row.path, row)},
                    "label": positions[row.label or ""],
                    "sample_id": row.sample_id,
                    "path": row.path,
                }
                for row, content in some
            ]
            writer.write_table(pa.Table.from_pylist(records, schema))
            yield sink.take()
    yield sink.take()
