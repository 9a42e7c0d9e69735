"""Images, as they were imported."""

import hashlib
from functools import lru_cache
from io import BytesIO

from fastapi import Request
from fastapi.responses import Response

from app.datasets.catalog import get_sample
from app.datasets.models import Dataset, Sample
from app.errors import Conflict
from app.storage import ImageSource, open_source
from app.web.api.models import SampleOut
from app.web.api.routing import api_router
from app.web.deps import Db

router = api_router("samples")

# What every browser shows; anything else is sent as PNG.
BROWSER_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp", "BMP": "image/bmp"}


@lru_cache(maxsize=32)
def shared_source(source: str) -> ImageSource:
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
def show_image(sample_id: int, request: Request, database: Db) -> Response:
    """The image. Its content never changes, so browsers may keep it."""
    with database.read() as session:
        sample = get_sample(session, sample_id=sample_id)
        source = session.get_one(Dataset, sample.dataset_id).source
    headers = {"cache-control": "private, max-age=31536000, immutable", "etag": f'"{sample.sha256}"'}
    if headers["etag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    content = shared_source(source).read(sample.path)
    if hashlib.sha256(content).hexdigest() != sample.sha256:
        raise Conflict(f"The file {sample.path} has changed since it was imported; put the old one back, or import it under a new name.")
    if sample.format in BROWSER_TYPES:
        return Response(content, media_type=BROWSER_TYPES[sample.format], headers=headers)
    return Response(_as_png(content), media_type="image/png", headers=headers)


def _as_png(content: bytes) -> bytes:
    from PIL import Image  # most data sets never need it

    with Image.open(BytesIO(content)) as image:
        out = BytesIO()
        image.convert("RGB").save(out, "PNG")
    return out.getvalue()
