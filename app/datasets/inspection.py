"""One file's bytes: the facts of an image, or why it is none. Every pixel is decoded; nothing is kept."""

import hashlib
import io
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

from app.datasets.lookalikes import looks

# What browsers show or Pillow decodes by itself. Not EPS (runs Ghostscript), not formats recognised by hardly more than a suffix.
FORMATS = ("PNG", "JPEG", "MPO", "GIF", "BMP", "DIB", "TIFF", "WEBP", "PPM", "JPEG2000", "AVIF")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an image; sizes in bytes and pixels, mode and format as Pillow calls them."""

    sha256: str
    bytes: int
    width: int
    height: int
    mode: str
    format: str
    looks: str  # a perceptual hash, as in `lookalikes.py`


class Rejected(Exception):
    """This content is no sample; `reason` says why in a few words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def allow_pixels(max_pixels: int) -> None:
    """Let Pillow open images of `max_pixels`; its own limit only ever goes up, because other threads rely on it."""
    if Image.MAX_IMAGE_PIXELS is not None:
        Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS, max_pixels)


def inspect(content: bytes, *, max_pixels: int) -> Facts:
    """The facts of an image of at most `max_pixels`. Raises Rejected."""
    if not content:
        raise Rejected("empty")
    try:
        width, height, mode, kind = _header(content, max_pixels)
        with _open(content) as image:
            image.load()
            facts = Facts(
                hashlib.sha256(content).hexdigest(), len(content), width, height, mode, kind, looks(image)
            )
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Rejected(f"too large: more than {max_pixels:,} pixels") from error
    except UnidentifiedImageError as error:
        raise Rejected("not an image") from error
    except MemoryError as error:
        raise Rejected("too large to be decoded in this machine's memory") from error
    except Rejected:
        raise
    except (
        Exception
    ) as error:  # Pillow's decoders raise whatever they stumble over: OSError, SyntaxError, struct.error, …
        raise Rejected(f"truncated or damaged ({error})"[:200]) from error
    return facts


def _header(content: bytes, max_pixels: int) -> tuple[int, int, str, str]:
    """Width, height, mode and format. Raises Rejected."""
    with _open(content) as image:
        width, height = image.size
        if width * height > max_pixels:  # before anything is decoded
            raise Rejected(f"too large: {width} x {height} pixels, more than {max_pixels:,}")
        mode, kind = image.mode, image.format or ""
        if kind != "MPO" and getattr(
            image, "is_animated", False
        ):  # an MPO is a camera's JPEG with a preview behind it
            raise Rejected("animated, or several pages in one file")
        if kind == "PNG":
            image.verify()  # checksums of all chunks, which loading passes over
    return width, height, mode, kind


def _open(content: bytes) -> Image.Image:
    Image.init()  # registers every format; those that this Pillow was built without are left out
    return Image.open(io.BytesIO(content), formats=[name for name in FORMATS if name in Image.OPEN])
