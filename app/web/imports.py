"""Label files that come with an import, for the form and REST."""

from dataclasses import replace

from fastapi import UploadFile

from app.datasets.label_reading import StatedColumns, StatedLabels
from app.datasets.layout_choice import StatedLayout
from app.datasets.naming import printable
from app.datasets.sources import MAX_NAME
from app.datasets.uploads import store_labels
from app.errors import Invalid
from app.settings import Settings
from app.storage import MAX_FILE_BYTES


def with_labels(
    settings: Settings, folders: StatedLayout | None, file: UploadFile | None, columns: StatedColumns
) -> StatedLayout | None:
    """What a person said of the folders, with an uploaded label file and its columns. Raises Invalid."""
    if file is not None and file.filename:
        if folders is not None:
            raise Invalid("Choose one: a file with the labels, or split_folders.")
        stored = store_labels(settings.uploads_dir, file.file, max_bytes=MAX_FILE_BYTES)
        name = printable(file.filename.replace("\\", "/").rpartition("/")[2])[:MAX_NAME]
        return StatedLayout(labels=StatedLabels(name, str(stored), columns))
    if columns == StatedColumns():
        return folders
    if folders is None or folders.labels is None:
        raise Invalid("Columns are those of a label file: send it as “labels”, or name it in split_folders.")
    return replace(folders, labels=replace(folders.labels, columns=columns))
