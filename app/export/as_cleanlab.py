"""A zip of arrays for cleanlab: the probabilities of a run, the labels of the version, and whose they are.

`pred_probs.npy` (n, classes), `labels.npy` (n,) class positions, `ids.csv` with a line for each row, and
`classes.txt` with a line for each column. The rows are by path. Images that are deleted in the version, or
that the run did not predict, have none. Every date is the same, so two exports are the same bytes.
"""

import io
from collections.abc import Iterator

import numpy as np
from numpy.lib import format as npy
from sqlalchemy import select
from sqlalchemy.orm import Session
from stream_zip import ZIP_64, MemberFile, stream_zip

from app.export.as_csv import csv_chunks
from app.export.as_imagefolder import DATE, MODE
from app.export.rows import PAGE, ExportPlan, export_rows
from app.ranking.models import Prediction


def write_cleanlab(plan: ExportPlan) -> Iterator[bytes]:
    """The zip's bytes; a page of rows is in memory at a time, and all paths."""
    yield from stream_zip(_members(plan))


def _members(plan: ExportPlan) -> Iterator[MemberFile]:
    positions = {name: position for position, name in enumerate(plan.classes)}
    rows = [
        (row.sample_id, row.path, positions[row.label])
        for row in export_rows(plan)
        if row.label is not None and row.rank is not None
    ]
    labels = np.array([label for _, _, label in rows], "<i8")
    # a class that is newer than the run and the version is not in the file, so it stays as it was
    classes = max(plan.predicted_classes, *(label + 1 for _, _, label in rows), 0)
    yield "pred_probs.npy", DATE, MODE, ZIP_64, _probabilities(plan, [row[0] for row in rows], classes)
    yield "labels.npy", DATE, MODE, ZIP_64, (_header((len(rows),), labels.dtype), labels.tobytes())
    yield "ids.csv", DATE, MODE, ZIP_64, csv_chunks(("sample_id", "path"), (row[:2] for row in rows))
    yield (
        "classes.txt",
        DATE,
        MODE,
        ZIP_64,
        ("".join(f"{name}\n" for name in plan.classes[:classes]).encode(),),
    )


def _probabilities(plan: ExportPlan, sample_ids: list[int], classes: int) -> Iterator[bytes]:
    kind = np.dtype("<f4")
    yield _header((len(sample_ids), classes), kind)
    for start in range(0, len(sample_ids), PAGE):
        page = sample_ids[start : start + PAGE]
        query = select(Prediction.sample_id, Prediction.probabilities).where(
            Prediction.run_id == plan.run_id, Prediction.sample_id.in_(page)
        )
        with Session(plan.engine) as session:
            said = dict(session.execute(query).all())
        table = np.zeros((len(page), classes), kind)  # 0 for classes that are newer than the run
        for row, sample_id in enumerate(page):
            table[row, : len(said[sample_id])] = said[sample_id]
        yield table.tobytes()


def _header(shape: tuple[int, ...], kind: np.dtype[np.generic]) -> bytes:
    out = io.BytesIO()
    described = {"shape": shape, "fortran_order": False, "descr": npy.dtype_to_descr(kind)}
    npy.write_array_header_1_0(out, described)
    return out.getvalue()
