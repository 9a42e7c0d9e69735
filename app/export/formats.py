"""The table of export formats. A new format needs a module and a row here."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from app.errors import Invalid
from app.export.as_cleanlab import write_cleanlab
from app.export.as_croissant import write_croissant
from app.export.as_csv import write_csv, write_csv_excel
from app.export.as_events import write_events
from app.export.as_fastai import fastai_notes, write_fastai
from app.export.as_fiftyone import write_fiftyone
from app.export.as_huggingface import write_huggingface
from app.export.as_imagefolder import imagefolder_notes, write_imagefolder
from app.export.as_jsonl import write_jsonl
from app.export.as_label_studio import write_label_studio
from app.export.as_parquet import write_parquet
from app.export.loading import LOADING
from app.export.pictures import image_notes
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
    has_folders: bool = False  # the folder of the validation part is named by choice
    notes: Callable[[ExportPlan], list[str]] = lambda _plan: []  # what has to be known of its content

    @property
    def loading(self) -> dict[str, str]:
        """By reader the lines of Python that load it."""
        return LOADING[self.name]


VALID_FOLDERS = ("valid", "val", "validation")
CSV, ZIP = "text/csv; charset=utf-8", "application/zip"


FORMATS = {
    entry.name: entry
    for entry in (
        Format(
            "parquet",
            ".parquet",
            "application/vnd.apache.parquet",
            "table of all images, with a type for each column, for pandas, polars and datasets",
            write_parquet,
            has_probabilities=True,
        ),
        Format(
            "csv",
            ".csv",
            CSV,
            "table of all images, every name as it is, for pandas and scripts",
            write_csv,
            has_probabilities=True,
        ),
        Format(
            "csv-excel",
            "-excel.csv",
            CSV,
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
            "fastai",
            "-fastai.csv",
            CSV,
            "name, label and is_valid for ImageDataLoaders.from_df of fastai",
            write_fastai,
            notes=fastai_notes,
        ),
        Format(
            "imagefolder",
            ".zip",
            ZIP,
            "class folders with the images, for torchvision, fastai and datasets",
            write_imagefolder,
            notes=imagefolder_notes,
            has_images=True,
            has_folders=True,
        ),
        Format(
            "huggingface",
            "-huggingface.zip",
            ZIP,
            "Parquet files with the images in them, for datasets of Hugging Face",
            write_huggingface,
            notes=image_notes,
            has_images=True,
        ),
        Format(
            "label-studio",
            "-label-studio.zip",
            ZIP,
            "tasks with labels and predictions, and the labelling config, for Label Studio",
            write_label_studio,
        ),
        Format(
            "fiftyone",
            "-fiftyone.zip",
            ZIP,
            "images and labels.json of each part, for FiftyOne",
            write_fiftyone,
            notes=image_notes,
            has_images=True,
            has_folders=True,
        ),
        Format(
            "cleanlab",
            "-cleanlab.zip",
            ZIP,
            "arrays for cleanlab: the probabilities of a model, labels, ids and classes",
            write_cleanlab,
            needs_run=True,
        ),
        Format(
            "croissant",
            "-croissant.zip",
            ZIP,
            "the Parquet table with a description in Croissant: columns, digest, how it was cleaned",
            write_croissant,
        ),
        Format(
            "events",
            "-events.csv",
            CSV,
            "the log of decisions: who answered what, when, about which image",
            write_events,
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


def check_valid_folder(entry: Format, name: str) -> None:
    """Raise Invalid if the validation part cannot be called so, or has no folder in this format."""
    if name not in VALID_FOLDERS:
        raise Invalid(
            f"The validation part cannot be called “{name}”; choose one of {', '.join(VALID_FOLDERS)}."
        )
    if name != VALID_FOLDERS[0] and not entry.has_folders:
        having = " or ".join(each.name for each in FORMATS.values() if each.has_folders)
        raise Invalid(
            f"The format {entry.name} has no folder of the validation part to be named; choose {having}, or "
            "leave the name out."
        )
