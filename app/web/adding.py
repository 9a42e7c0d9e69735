"""What pages and REST share when they add images to a data set."""

from collections.abc import Sequence
from typing import BinaryIO

from fastapi import UploadFile

from app.datasets.adding import AT_ONCE, Added, add_part, look_at_part, pack_files, read_part
from app.datasets.catalog import IMPORT, ready_dataset
from app.datasets.layout_choice import StatedLayout
from app.datasets.sources import uploaded_zip
from app.datasets.upload_use import names_in, storing
from app.db.engine import Database
from app.errors import Invalid
from app.jobs import requests as jobs
from app.rounds.first_look import look_at_new_images
from app.settings import Settings
from app.storage import Origin


def add_files(
    database: Database,
    settings: Settings,
    *,
    name: str,
    files: Sequence[UploadFile],
    class_name: str,
    folders: StatedLayout | None,
    user_id: int,
) -> tuple[Added | None, str | None]:
    """Add a zip of class folders, or single files of one class; what was added, or the job that reads it.

    Up to 100 images are read at once. Raises Invalid for neither of both, AmbiguousLayout, Conflict.
    """
    sent = [(file.filename or "", file.file) for file in files if file.filename]
    if not sent:
        raise Invalid(
            "Send a zip of class folders as “file”, or images as “file” and their class as “class”."
        )
    with database.read() as session:
        ready_dataset(session, name=name)
    with storing(database, settings) as stored:
        origin, folders = _stored(settings, sent, class_name=class_name, folders=folders)
        stored.update(names_in(origin.source))
        found, reading = look_at_part(origin, folders=folders)
        with database.write() as session:
            part = add_part(session, ready_dataset(session, name=name), origin, found, reading)
            if part.files > AT_ONCE:
                arguments = {"dataset": part.dataset_id, "part": part.number, "reading": reading.as_json()}
                job = jobs.ask(
                    session, task=IMPORT, dataset_id=part.dataset_id, arguments=arguments, user_id=user_id
                )
                return None, job.id
    added = read_part(database, part, max_pixels=settings.max_image_pixels)
    if settings.looks_first and added.samples:
        with database.write() as session:
            look_at_new_images(session, dataset_id=part.dataset_id, user_id=user_id)
    return added, None


def _stored(
    settings: Settings,
    sent: Sequence[tuple[str, BinaryIO]],
    *,
    class_name: str,
    folders: StatedLayout | None,
) -> tuple[Origin, StatedLayout | None]:
    """The zip that was sent, or one of the single files. Raises Invalid."""
    if class_name:
        if any(filename.lower().endswith(".zip") for filename, _ in sent):
            raise Invalid("A zip has its classes in its folders; leave out the class, or send the images.")
        origin = pack_files(sent, class_name=class_name, uploads_dir=settings.uploads_dir)
        return origin, StatedLayout()
    if len(sent) > 1 or not sent[0][0].lower().endswith(".zip"):
        raise Invalid("Name the class of these images as “class”, or send one zip of class folders.")
    filename, content = sent[0]
    largest = settings.max_upload_mb * 1_000_000
    origin = uploaded_zip(content, filename=filename, uploads_dir=settings.uploads_dir, max_bytes=largest)
    return origin, folders
