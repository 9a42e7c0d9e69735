"""The table of export formats. A new format needs a module and a row here."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from app.errors import Invalid
from app.export.as_cleanlab import write_cleanlab
from app.export.as_csv import write_csv, write_csv_excel
from app.export.as_imagefolder import write_imagefolder
from app.export.as_jsonl import write_jsonl
from app.export.as_parquet import write_parquet
from app.export.rows import ExportPlan


@dataclass(frozen=True)
class Format:
    """How a version becomes a file."""

    name: str
    suffix: str
    media_type: str
    description: str  # for people
    write: Callable[[ExportPlan], Iterator[bytes]]
    has_images: bool = False
    needs_run: bool = False
    has_probabilities: bool = False  # on request with a column for each class


FORMATS = {
    entry.name: entry
    for entry in (
        Format(
            "parquet",
            ".parquet",
            "application/vnd.apache.parquet",
            "table of all samples in which no reader has to guess, for pandas, polars and datasets",
            write_parquet,
            has_probabilities=True,
        ),
        Format(
            "csv",
            ".csv",
            "text/csv; charset=utf-8",
            "table of all samples, every name as it is, for pandas and scripts",
            write_csv,
            has_probabilities=True,
        ),
        Format(
            "csv-excel",
            "-excel.csv",
            "text/csv; charset=utf-8",
            "the same table for Excel and LibreOffice: a name that would run as a formula has ' in front",
            write_csv_excel,
            has_probabilities=True,
        ),
        Format(
            "jsonl",
            ".jsonl",
            "application/x-ndjson",
            "one JSON object per sample",
            write_jsonl,
            has_probabilities=True,
        ),
        Format(
            "imagefolder",
            ".zip",
            "application/zip",
            "class folders with the images, for fastai and torchvision",
            write_imagefolder,
            has_images=True,
        ),
        Format(
            "cleanlab",
            "-cleanlab.zip",
            "application/zip",
            "arrays for cleanlab: the probabilities of a run, labels, ids and classes",
            write_cleanlab,
            needs_run=True,
        ),
    )
}


def check_format(name: str) -> Format:
    """The format with this name. Raises Invalid, naming all formats."""
    if name not in FORMATS:
        raise Invalid(f"There is no export format “{name}”; choose one of {', '.join(FORMATS)}.")
    return FORMATS[name]


def check_probabilities(entry: Format, *, asked: bool) -> None:
    """Raise Invalid if columns of probabilities are asked for in a format that has none."""
    if asked and not entry.has_probabilities:
        tables = ", ".join(each.name for each in FORMATS.values() if each.has_probabilities)
        raise Invalid(
            f"The format {entry.name} has no columns of probabilities; choose one of {tables}, or leave the "
            "probabilities out."
        )
