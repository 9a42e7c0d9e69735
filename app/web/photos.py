"""Photos to predict, as pages and scripts send and show them."""

from collections.abc import Sequence

from fastapi import UploadFile

from app.db.engine import Database
from app.photos.photos import Kept, Sent, keep_photos, receive
from app.settings import Settings
from app.training.runs import finished_run


def image_url(photo_id: int) -> str:
    """The URL of a photo's image."""
    return f"/api/v1/photos/{photo_id}/image"


def take_photos(
    database: Database, settings: Settings, *, run_id: int, files: Sequence[UploadFile], user_id: int
) -> Kept:
    """Receive and keep the files of a form.

    Raises NotFound; Conflict for a run that has not finished; Invalid.
    """
    with database.read() as session:
        finished_run(session, run_id=run_id)  # refuse before any file is read
    # An empty file field of a form has no name.
    sent = [Sent(file.filename, file.file) for file in files if file.filename]
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
