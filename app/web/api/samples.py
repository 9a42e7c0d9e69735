"""Images, as they were imported or smaller."""

import hashlib
from functools import lru_cache
from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import Response

from app.datasets.catalog import get_sample
from app.datasets.models import Dataset, Sample
from app.datasets.pictures import Size, picture_of
from app.decoding.tones import tag
from app.errors import Conflict
from app.storage import ImageSource, Origin, open_source
from app.web.api.models import SampleOut
from app.web.api.routing import api_router
from app.web.deps import Config, Db

router = api_router("samples")

# Long enough for a deck of cards that are loaded ahead; by `Vary`, what a browser keeps answers its own log-in only.
KEPT = "private, max-age=900, must-revalidate"


@lru_cache(maxsize=32)
def shared_source(source: Origin) -> ImageSource:
    """The source, opened once per process: a zip's directory of 100,000 entries is not read for every image."""
    return open_source(source)


def image_url(sample_id: int) -> str:
    """Where the image of a sample is."""
    return f"/api/v1/samples/{sample_id}/image"


def sample_out(sample: Sample, names: list[str]) -> SampleOut:
    """The sample as the API tells it."""
    return SampleOut(
        sample=sample.id,
        path=sample.path,
        sha256=sample.sha256,
        bytes=sample.bytes,
        width=sample.width,
        height=sample.height,
        mode=sample.mode,
        split=sample.split,
        given_label=names[sample.given_label],
        image_url=image_url(sample.id),
    )


@router.get("/samples/{sample_id}/image", response_class=Response)
def show_image(
    sample_id: int,
    request: Request,
    database: Db,
    settings: Config,
    size: Annotated[
        Size, Query(description="`thumbnail`: the longer side at most 320 pixels, `display`: 1,600, upright.")
    ] = "original",
) -> Response:
    """The image. A browser keeps it for a quarter of an hour and for its log-in alone; then it asks again."""
    with database.read() as session:
        sample = get_sample(session, sample_id=sample_id)
        dataset = session.get_one(Dataset, sample.dataset_id)
        source, scales = dataset.origin, dataset.grey_scales
    kind = "" if size == "original" else f"-{size}"
    etag = f'"{sample.sha256}{kind}{tag(sample.mode, scales)}"'
    headers = {"cache-control": KEPT, "vary": "Cookie, Authorization", "etag": etag}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    picture = picture_of(
        sample, size=size, read=lambda: _read(source, sample), cache=settings.pictures_dir, scales=scales
    )
    return Response(picture.content, media_type=picture.media_type, headers=headers)


def _read(source: Origin, sample: Sample) -> bytes:
    """The file as it was imported. Raises Conflict when it is another one now."""
    content = shared_source(source).read(sample.path)
    if hashlib.sha256(content).hexdigest() != sample.sha256:
        raise Conflict(
            f"The file {sample.path} has changed since it was imported; put the old one back, or import it under a new name."
        )
    return content
