"""Photos from outside: shown to a run's network, listed with what it says, removed."""

from datetime import datetime
from typing import Annotated

from fastapi import File, Query, Request, UploadFile
from fastapi.responses import Response

from app.datasets.pictures import Size, picture_of
from app.datasets.scales import scales_of
from app.decoding.tones import tag
from app.errors import NotFound
from app.photos.photos import AT_ONCE, Seen, get_photo, list_photos, photo_path, remove_photo, see_photo
from app.settings import Settings
from app.training.models import Photo
from app.training.runs import visible_run
from app.web.api.models import Listing, Output
from app.web.api.routing import IMAGE_ANSWERS, Cursor, Limit, api_router, following, position
from app.web.deps import Config, Db, SignedIn
from app.web.photos import image_url, take_photos
from app.web.transfer import has_already, whole_or_part
from app.web.uploading import PhotosRoute

router = api_router("photos")


class PhotosAccepted(Output):
    """The kept photos, in the order they were sent; the job predicts new ones and is null if none is new."""

    photos: list[int]
    job: str | None


class PhotoOut(Output):
    """A photo and the network's prediction for it, the most probable class first."""

    id: int
    run: int
    name: str
    state: str  # queued, running, finished, failed, cancelled
    problem: str  # why it was not looked at
    predicted_label: str | None
    probabilities: dict[str, float]
    sent_by: str | None
    sent_at: datetime
    sha256: str
    bytes: int
    width: int
    height: int
    image_url: str


def send_photos(
    run_id: int,
    database: Db,
    settings: Config,
    user: SignedIn,
    files: Annotated[list[UploadFile], File(description=f"One to {AT_ONCE} image files.")],
) -> PhotosAccepted:
    """Request predictions for photos from a finished run, as a job. A photo sent again keeps its id."""
    kept = take_photos(database, settings, run_id=run_id, files=files, user_id=user.id)
    return PhotosAccepted(photos=list(kept.ids), job=kept.job_id)


router.add_api_route(
    "/runs/{run_id}/photos",
    send_photos,
    methods=["POST"],
    status_code=202,
    route_class_override=PhotosRoute,
)


@router.get("/runs/{run_id}/photos")
def index(run_id: int, database: Db, limit: Limit = 100, cursor: Cursor = None) -> Listing[PhotoOut]:
    """The run's photos with the probability of each class, the one sent last first."""
    start = position(cursor)
    with database.read() as session:
        visible_run(session, run_id=run_id)
        found = list_photos(session, run_id=run_id, after=start, limit=limit)
    return Listing(items=[_out(each) for each in found], next=following(found, limit, start + limit))


@router.get("/photos/{photo_id}")
def show_photo(photo_id: int, database: Db) -> PhotoOut:
    """One photo with the probability of each class."""
    with database.read() as session:
        seen = see_photo(session, photo_id=photo_id)
        visible_run(session, run_id=seen.photo.run_id)
        return _out(seen)


@router.delete("/photos/{photo_id}", status_code=204)
def delete_photo(photo_id: int, database: Db, settings: Config, user: SignedIn) -> None:
    """Remove a photo of one's own and its file; an admin removes any."""
    with database.write() as session:
        remove_photo(
            session, photo_id=photo_id, by=user, folder=settings.photos_dir, cache=settings.pictures_dir
        )


@router.get("/photos/{photo_id}/image", response_class=Response, responses=IMAGE_ANSWERS)
def show_image(
    photo_id: int,
    request: Request,
    database: Db,
    settings: Config,
    size: Annotated[
        Size, Query(description="`thumbnail`: the longer side at most 320 pixels, `display`: 1,600, upright.")
    ] = "original",
) -> Response:
    """The image."""
    with database.read() as session:
        photo = get_photo(session, photo_id=photo_id)
        scales = scales_of(session, dataset_id=visible_run(session, run_id=photo.run_id).dataset_id)
    # A removed photo is to be seen no more, and its number may become another's: browsers ask each time.
    headers = {
        "cache-control": "private, no-cache",
        "vary": "Cookie, Authorization",
        "etag": f'"{photo.sha256}-{size}{tag(photo.mode, scales)}"',
    }
    if has_already(request, headers["etag"]):
        return Response(status_code=304, headers=headers)
    picture = picture_of(
        photo, size=size, read=lambda: _read(settings, photo), cache=settings.pictures_dir, scales=scales
    )
    return whole_or_part(request, picture.content, media_type=picture.media_type, headers=headers)


def _read(settings: Settings, photo: Photo) -> bytes:
    try:
        return photo_path(settings.photos_dir, run_id=photo.run_id, sha256=photo.sha256).read_bytes()
    except FileNotFoundError as error:
        raise NotFound("The file of this photo is gone; remove it and send it again.") from error


def _out(seen: Seen) -> PhotoOut:
    photo = seen.photo
    return PhotoOut(
        id=photo.id,
        run=photo.run_id,
        name=photo.name,
        state=seen.state,
        problem=seen.problem,
        predicted_label=seen.predicted,
        probabilities=seen.probabilities,
        sent_by=seen.by,
        sent_at=photo.sent_at,
        sha256=photo.sha256,
        bytes=photo.bytes,
        width=photo.width,
        height=photo.height,
        image_url=image_url(photo.id),
    )
