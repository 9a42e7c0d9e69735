"""Images at the sizes that pages show: made once, kept as files named by content and size. All of them may be deleted."""

import io
import os
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from app.files import write_atomically

Size = Literal["original", "thumbnail", "display"]

SIDES: dict[Size, int] = {
    "thumbnail": 320,
    "display": 1600,
}  # pixels, the longer side: 160 on a dense screen; the review's stage
QUALITY: dict[Size, int] = {"thumbnail": 85, "display": 90}

# What every browser shows; anything else is sent as PNG. An MPO is a JPEG with a second picture behind it.
BROWSER_TYPES = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",
    "GIF": "image/gif",
    "WEBP": "image/webp",
    "BMP": "image/bmp",
}
PLAIN_MODES = (
    "1",
    "L",
    "RGB",
)  # shown alike by browsers and by networks; deep greys, CMYK, transparency are not
SPARE = 1024**3  # bytes of the disk that stay free, for checkpoints and the database
_working = threading.BoundedSemaphore(
    min(4, os.cpu_count() or 1)
)  # a large image takes hundreds of megabytes while it is decoded


class Pictured(Protocol):
    """What has to be known of an image file: a sample knows it, and a photo from outside."""

    @property
    def sha256(self) -> str: ...  # noqa: D102
    @property
    def width(self) -> int: ...  # noqa: D102
    @property
    def height(self) -> int: ...  # noqa: D102
    @property
    def mode(self) -> str: ...  # noqa: D102
    @property
    def format(self) -> str: ...  # noqa: D102


@dataclass(frozen=True)
class Picture:
    """An encoded image that every browser shows."""

    content: bytes
    media_type: str


def picture_of(image: Pictured, *, size: Size, read: Callable[[], bytes], cache: Path) -> Picture:
    """The image at this size, out of the cache or made from `read()`, the file's content.

    The original is the file itself, if browsers show it. Smaller sizes are as a person sees the image (upright, on white); an
    image that is no larger than the size keeps every pixel.
    """
    fits = size == "original" or max(image.width, image.height) <= SIDES[size]
    if image.format in BROWSER_TYPES and (size == "original" or (fits and image.mode in PLAIN_MODES)):
        return Picture(read(), BROWSER_TYPES[image.format])
    kind = "png" if fits else "jpeg"
    path = _folder(cache, image.sha256) / f"{image.sha256}-{size}.{kind}"
    try:
        content = path.read_bytes()
    except OSError:
        original = read()
        with _working:
            content = _encoded(original, image, None if fits else size)
        _keep(path, content)
    return Picture(content, f"image/{kind}")


def forget_pictures(sha256: str, *, cache: Path) -> None:
    """Remove what was made of an image; whoever still shows it makes it again."""
    for path in _folder(cache, sha256).glob(f"{sha256}-*"):
        path.unlink(missing_ok=True)


def _folder(cache: Path, sha256: str) -> Path:
    return cache / sha256[:2]


def _encoded(content: bytes, known: Pictured, size: Size | None) -> bytes:
    """As a person sees it: a JPEG of this size, or a PNG of every pixel."""
    from PIL import Image  # most requests never need it

    from app.datasets.inspection import allow_pixels
    from app.ml.decoding import as_seen

    allow_pixels(known.width * known.height)
    out = io.BytesIO()
    with Image.open(io.BytesIO(content)) as image:
        profile = (
            image.info.get("icc_profile") if image.mode.startswith("RGB") else None
        )  # those of other modes describe other colours
        if size is None:
            as_seen(image).save(out, "PNG", icc_profile=profile)
        else:
            image.draft(None, _scaled(image.size, size))  # a big JPEG decodes at a fraction of its size
            upright = as_seen(image)
            scaled = upright.resize(_scaled(upright.size, size), Image.Resampling.LANCZOS, reducing_gap=3.0)
            scaled.save(out, "JPEG", quality=QUALITY[size], icc_profile=profile)
    return out.getvalue()


def _scaled(sides: tuple[int, int], size: Size) -> tuple[int, int]:
    scale = SIDES[size] / max(sides)
    return max(1, round(sides[0] * scale)), max(1, round(sides[1] * scale))


def _keep(path: Path, content: bytes) -> None:
    """Store it whole or not at all; whoever makes it at the same time stores the same."""
    with suppress(OSError):  # a full or read-only disk: it is made again next time
        path.parent.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(path.parent).free > SPARE:
            with write_atomically(path, durable=False) as partial:
                partial.write_bytes(content)
