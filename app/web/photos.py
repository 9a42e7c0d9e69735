"""Photos from outside as pages and scripts send and show them."""

from collections.abc import Sequence

from fastapi import UploadFile

from app.db.engine import Database
from app.photos.photos import Kept, Sent, keep_photos, receive
from app.settings import Settings
from app.training.runs import finished_run


def image_url(photo_id: int) -> str:
    """Where the image of a photo is."""
    return f"/api/v1/photos/{photo_id}/image"


def take_photos(
    database: Database, settings: Settings, *, run_id: int, files: Sequence[UploadFile], user_id: int
) -> Kept:
    """Receive and keep what a form sent.

    Raises NotFound, Conflict for a run that has not finished, Invalid.
    """
    with database.read() as session:
        finished_run(session, run_id=run_id)  # before anything is read
    sent = [
        Sent(file.filename, file.file) for file in files if file.filename
    ]  # an empty field of a form has no name
    with (
        receive(sent, folder=settings.photos_dir, max_pixels=settings.max_image_pixels) as received,
        database.write() as session,
    ):
        return keep_photos(
            session,
            run_id=run_id,
            received=received,
            folder=settings.photos_dir,
            cache=settings.pictures_dir,
            user_id=user_id,
        )
