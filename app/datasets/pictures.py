"""Images in the sizes of the pages: created once and cached in files named by content and size.

All these files may be deleted.
"""

import io
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from PIL import Image

from app.decoding import budget
from app.decoding.opening import memory_to_decode, open_image, orientation
from app.decoding.seen import as_seen
from app.decoding.tones import NO_SCALES, Scales, kind_of, tag
from app.files import write_atomically

Size = Literal["original", "thumbnail", "display"]

SIDES: dict[Size, int] = {
    "thumbnail": 320,
    "display": 1600,
}  # pixels, the longer side: 160 on a dense screen; the review's stage
QUALITY: dict[Size, int] = {"thumbnail": 85, "display": 90}

# Formats that every browser shows; all others are sent as PNG. An MPO is a JPEG with a second picture.
BROWSER_TYPES = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",
    "GIF": "image/gif",
    "WEBP": "image/webp",
    "BMP": "image/bmp",
}
PLAIN_MODES = ("1", "L", "RGB")  # browsers and networks see these alike; not so CMYK and transparency
TURNED_BY_BROWSERS = ("JPEG", "MPO")  # by their EXIF orientation; other formats are not turned
SPARE = 1024**3  # bytes of the disk that stay free, for checkpoints and the database


class Pictured(Protocol):
    """The needed properties of an image file; samples and photos have them."""

    @property
    def sha256(self) -> str: ...  # noqa: D102
    @property
    def bytes(self) -> int: ...  # noqa: D102
    @property
    def width(self) -> int: ...  # noqa: D102
    @property
    def height(self) -> int: ...  # noqa: D102
    @property
    def mode(self) -> str: ...  # noqa: D102
    @property
    def format(self) -> str: ...  # noqa: D102


@dataclass(frozen=True)
class EncodedImage:
    """An encoded image that every browser shows."""

    content: bytes
    media_type: str


def picture_of(
    image: Pictured, *, size: Size, read: Callable[[], bytes], cache: Path, scales: Scales = NO_SCALES
) -> EncodedImage:
    """The image in this size, from the cache or made from `read()`, which returns the file's content.

    Without a size it is the file itself, if browsers show it as networks see it. Otherwise a new picture is
    made: upright, on white, deep greys by the data set's `scales`. An image that is not larger than the size
    keeps every pixel. Raises Busy when too many are being made, and budget.TooLarge.
    """
    fits = size == "original" or max(image.width, image.height) <= SIDES[size]
    as_it_is = (
        image.format in BROWSER_TYPES
        and kind_of(image.mode) is None
        and (size == "original" or (fits and image.mode in PLAIN_MODES))
    )
    kind = "png" if fits else "jpeg"
    path = _folder(cache, image.sha256) / f"{image.sha256}-{size}{tag(image.mode, scales)}.{kind}"
    with suppress(OSError):
        return EncodedImage(path.read_bytes(), f"image/{kind}")
    with budget.files.share(image.bytes, patience=budget.PATIENCE):
        content = read()
        if as_it_is and _is_shown_upright(content, image.format):
            return EncodedImage(content, BROWSER_TYPES[image.format])
        content = _encoded(content, None if fits else size, scales)
    _keep(path, content)
    return EncodedImage(content, f"image/{kind}")


def _is_shown_upright(content: bytes, kind: str) -> bool:
    if kind in TURNED_BY_BROWSERS:
        return True
    with open_image(content, patience=budget.PATIENCE) as image:
        return orientation(image) == 1


def forget_pictures(sha256: str, *, cache: Path) -> None:
    """Remove the cached pictures of an image; they are made again when a page needs them."""
    for path in _folder(cache, sha256).glob(f"{sha256}-*"):
        path.unlink(missing_ok=True)


def _folder(cache: Path, sha256: str) -> Path:
    return cache / sha256[:2]


def _encoded(content: bytes, size: Size | None, scales: Scales) -> bytes:
    """The image as a person sees it: a JPEG of this size, or a PNG with every pixel."""
    out = io.BytesIO()
    with open_image(content, patience=budget.PATIENCE) as image:
        # profiles of other modes describe other colours
        profile = image.info.get("icc_profile") if image.mode.startswith("RGB") else None
        target = image.size if size is None else _scaled(image.size, size)
        if size is not None:
            image.draft(None, target)  # decode a big JPEG at a fraction of its size
        with memory_to_decode(image, whole=size is None, patience=budget.PATIENCE):
            seen = as_seen(image, scales=scales, short=None if size is None else min(target))
            if size is None:
                seen.save(out, "PNG", icc_profile=profile)
            else:
                target = target if (seen.width > seen.height) == (target[0] > target[1]) else target[::-1]
                scaled = seen.resize(target, Image.Resampling.LANCZOS, reducing_gap=3.0)
                scaled.save(out, "JPEG", quality=QUALITY[size], icc_profile=profile)
    return out.getvalue()


def _scaled(sides: tuple[int, int], size: Size) -> tuple[int, int]:
    scale = SIDES[size] / max(sides)
    return max(1, round(sides[0] * scale)), max(1, round(sides[1] * scale))


def _keep(path: Path, content: bytes) -> None:
    """Store it completely or not at all; two requests at the same time store the same content."""
    with suppress(OSError):  # a full or read-only disk: it is made again next time
        path.parent.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(path.parent).free > SPARE:
            with write_atomically(path, durable=False) as partial:
                partial.write_bytes(content)
