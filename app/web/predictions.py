"""Predictions of an own model, as pages and scripts send them."""

import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

from fastapi import File, Form, UploadFile

from app import deadline
from app.datasets.catalog import ready_dataset
from app.db.engine import Database
from app.errors import Invalid
from app.files import temporary_file
from app.rounds.own_models import Imported, PredictionFile, import_predictions
from app.settings import Settings

# What is sent beside the file, by the form as by REST.
Ids = Annotated[
    UploadFile | None, File(description="Of an array without ids: the path or sample id of each row.")
]
Classes = Annotated[
    UploadFile | None, File(description="Of an array without class names: the class of each column.")
]
OutOfSample = Annotated[
    bool, Form(description="The model had not learnt the label of any image that it predicts.")
]
AllowMissing = Annotated[bool, Form(description="Images may have no row; they are left out of the ranking.")]
MOST_AT_ONCE = 100_000  # images that are ranked while the request waits, in some ten seconds


def take_predictions(
    database: Database,
    settings: Settings,
    *,
    name: str,
    file: UploadFile | None,
    ids: UploadFile | None,
    classes: UploadFile | None,
    out_of_sample: bool,
    allow_missing: bool,
    user_id: int,
) -> Imported:
    """Rank the labels of the data set by the sent file; those of many images by a job.

    Raises NotFound; Conflict while the data set is imported; Invalid for what is wrong with the file.
    """
    with database.read() as session:
        dataset_id = ready_dataset(session, name=name).id
    if file is None or not file.filename:
        raise Invalid("Choose a file of predictions: .npz, .npy, CSV or Parquet.")
    folder = settings.runs_dir
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with ExitStack() as stack:
        kept, kept_ids, kept_classes = (
            _kept(stack, each, folder, limit=settings.max_upload_mb) for each in (file, ids, classes)
        )
        deadline.restart()
        return import_predictions(
            database,
            dataset_id=dataset_id,
            file=PredictionFile(
                kept or Path(),
                file.filename.replace("\\", "/").rpartition("/")[2][:200],
                out_of_sample,
                allow_missing,
                kept_ids,
                kept_classes,
            ),
            folder=folder,
            most_at_once=MOST_AT_ONCE,
            user_id=user_id,
        )


def _kept(stack: ExitStack, file: UploadFile | None, folder: Path, *, limit: int) -> Path | None:
    """A copy on the disk for as long as the block lasts; None for an empty field of a form."""
    if file is None or not file.filename:
        return None
    if (file.size or 0) > limit * 1_000_000:
        raise Invalid(
            f"“{file.filename[:200]}” is larger than {limit:,} MB; import it on the server with "
            "`toploss predictions import`."
        )
    path = stack.enter_context(temporary_file(folder))
    with path.open("wb") as out:
        shutil.copyfileobj(file.file, out, 1024**2)
    return path
