"""Places and label files that an import names, for the form and REST."""

from dataclasses import replace

from fastapi import UploadFile

from app.datasets.label_reading import StatedColumns, StatedLabels
from app.datasets.layout_choice import StatedLayout
from app.datasets.naming import printable
from app.datasets.sources import MAX_NAME, check_allowed, resolve_images, resolve_list
from app.datasets.uploads import store_label_file
from app.datasets.urls import check_url, is_list
from app.errors import Invalid
from app.settings import Settings
from app.storage import MAX_FILE_BYTES, Origin


def place_named(
    settings: Settings, text: str, *, zip_encoding: str | None, columns: StatedColumns
) -> tuple[Origin, StatedLayout | None]:
    """The source at a place that an admin named: a folder, zip or URL, or a label file of URLs.

    Raises Forbidden for a place that the operator does not permit, Invalid.
    """
    urls = settings.import_urls == "on"
    check_allowed(text, roots=settings.import_roots, urls=urls)
    if not is_list(text):
        source, inside = resolve_images(
            text,
            uploads_dir=settings.uploads_dir,
            zip_encoding=zip_encoding,
            label_column=columns.label,
        )
        return source, StatedLayout(labels=inside) if inside else None
    source, labels = resolve_list(
        text,
        uploads_dir=settings.uploads_dir,
        columns=columns,
        check=lambda url: check_url(url, urls=urls),
    )
    return source, StatedLayout(labels=labels)


def with_labels(
    settings: Settings, folders: StatedLayout | None, file: UploadFile | None, columns: StatedColumns
) -> StatedLayout | None:
    """What a person said of the folders, with an uploaded label file and its columns. Raises Invalid."""
    if file is not None and file.filename:
        if folders is not None:
            raise Invalid("Choose one: a file with the labels, or split_folders.")
        name = printable(file.filename.replace("\\", "/").rpartition("/")[2])[:MAX_NAME]
        stored, name = store_label_file(settings.uploads_dir, file.file, name=name, max_bytes=MAX_FILE_BYTES)
        return StatedLayout(labels=StatedLabels(name, str(stored), columns))
    if columns == StatedColumns():
        return folders
    if folders is None or folders.labels is None:
        raise Invalid("Columns are those of a label file: send it as “labels”, or name it in split_folders.")
    return replace(folders, labels=replace(folders.labels, columns=columns))
