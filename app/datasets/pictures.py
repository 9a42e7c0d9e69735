"""Images at the sizes that pages show: made once, kept as files named by content and size.

All of them may be deleted.
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
from app.decoding.opening import open_image, orientation
from app.decoding.seen import as_seen, memory_for
from app.decoding.tones import NO_SCALES, Scales, kind_of, tag
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
PLAIN_MODES = ("1", "L", "RGB")  # shown alike by browsers and by networks; CMYK, transparency are not
TURNED_BY_BROWSERS = ("JPEG", "MPO")  # by their EXIF; other formats stay as they lie
SPARE = 1024**3  # bytes of the disk that stay free, for checkpoints and the database


class Pictured(Protocol):
    """What has to be known of an image file: a sample knows it, and a photo from outside."""

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
class Picture:
    """An encoded image that every browser shows."""

    content: bytes
    media_type: str


def picture_of(
    image: Pictured, *, size: Size, read: Callable[[], bytes], cache: Path, scales: Scales = NO_SCALES
) -> Picture:
    """The image at this size, out of the cache or made from `read()`, the file's content.

    The original is the file itself, if browsers show it as networks see it. All else is made: upright, on
    white, deep greys by the data set's `scales`. An image that is no larger than the size keeps every pixel.
    Raises Busy when too many are made.
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
        return Picture(path.read_bytes(), f"image/{kind}")
    with budget.files.share(image.bytes, patience=budget.PATIENCE):
        content = read()
        if as_it_is and _is_shown_upright(content, image.format):
            return Picture(content, BROWSER_TYPES[image.format])
        content = _encoded(content, None if fits else size, scales)
    _keep(path, content)
    return Picture(content, f"image/{kind}")


def _is_shown_upright(content: bytes, kind: str) -> bool:
    if kind in TURNED_BY_BROWSERS:
        return True
    with open_image(content) as image:
        return orientation(image) == 1


def forget_pictures(sha256: str, *, cache: Path) -> None:
    """Remove what was made of an image; whoever still shows it makes it again."""
    for path in _folder(cache, sha256).glob(f"{sha256}-*"):
        path.unlink(missing_ok=True)


def _folder(cache: Path, sha256: str) -> Path:
    return cache / sha256[:2]


def _encoded(content: bytes, size: Size | None, scales: Scales) -> bytes:
    """As a person sees it: a JPEG of this size, or a PNG of every pixel."""
    out = io.BytesIO()
    with open_image(content) as image:
        # profiles of other modes describe other colours
        profile = image.info.get("icc_profile") if image.mode.startswith("RGB") else None
        target = image.size if size is None else _scaled(image.size, size)
        if size is not None:
            image.draft(None, target)  # a big JPEG decodes at a fraction of its size
        with budget.pixels.share(memory_for(image, whole=size is None), patience=budget.PATIENCE):
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
    """Store it whole or not at all; whoever makes it at the same time stores the same."""
    with suppress(OSError):  # a full or read-only disk: it is made again next time
        path.parent.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(path.parent).free > SPARE:
            with write_atomically(path, durable=False) as partial:
                partial.write_bytes(content)
