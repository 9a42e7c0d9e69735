"""Inspects the content of one file: the properties of the image, or why it is not an image.

Every pixel is decoded as for a network; the pixels are not kept.
"""

import hashlib
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

from app.datasets.kinds import HEAD, damage_of, is_raw, reason_of
from app.datasets.lookalikes import looks
from app.decoding import budget, tiff
from app.decoding.appearance import Appearance, appearance
from app.decoding.opening import memory_to_decode, open_image
from app.decoding.seen import as_seen
from app.decoding.tones import NO_SCALES, Scales, Tones, kind_of, measure, some_pixels
from app.errors import Busy, shortage

LOOKED_AT = 512  # least pixels per side for the perceptual hash
UNKNOWN = "not an image"  # the reason of a file whose kind the content does not show
FLAT = 2  # least range of grey levels, out of 255, of a deep grey image


@dataclass(frozen=True, slots=True)
class Facts:
    """The properties of an image; sizes in bytes and pixels, mode and format as Pillow names them."""

    sha256: str
    bytes: int
    width: int
    height: int
    mode: str
    format: str
    looks: str  # a perceptual hash, as in `lookalikes.py`
    appearance: Appearance
    tones: Tones | None = None  # of a deep grey image: the range of its own values


class Rejected(Exception):
    """This content cannot be a sample; `reason` explains it in a few words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def inspect(
    content: bytes, *, max_pixels: int, scales: Scales = NO_SCALES, patience: float | None = None
) -> Facts:
    """The properties of an image of at most `max_pixels`.

    Raises Rejected, and Busy when `patience` (seconds, of a request) is over. With `patience` an image that
    needs too much memory is rejected too. A deep grey image is rejected when it has a single colour, by its
    own values or on the data set's `scales`.
    """
    if not content:
        raise Rejected("empty")
    if is_raw(content[:HEAD]):
        raise Rejected(reason_of(content))
    try:
        with open_image(content, max_pixels=max_pixels, patience=patience) as image:
            return _facts(content, image, max_pixels, scales, patience)
    except UnidentifiedImageError as error:
        reason = reason_of(content) or tiff.reason_of(content) or damage_of(content)
        raise Rejected(reason or UNKNOWN) from error
    except budget.TooLarge as error:
        raise Rejected(error.reason) from error
    except (Rejected, Busy):
        raise
    except Exception as error:  # Pillow may raise any exception: OSError, SyntaxError, struct.error, …
        if short := shortage(error):
            raise short from error
        raise Rejected(f"truncated or damaged ({error})"[:200]) from error


def _facts(
    content: bytes, image: Image.Image, max_pixels: int, scales: Scales, patience: float | None
) -> Facts:
    width, height = image.size
    if width * height > max_pixels:  # before anything is decoded
        raise Rejected(f"too large: {width} x {height} pixels, more than {max_pixels:,}")
    wide, high = tiff.piece(image)
    if wide * high > max_pixels:
        raise Rejected(f"too large: its tiles have {wide} x {high} pixels, more than {max_pixels:,}")
    mode, kind = image.mode, image.format or ""
    # an MPO is a JPEG of a camera with an additional preview; a HEIC names one of its images the first
    if kind not in ("MPO", "HEIF") and getattr(image, "is_animated", False):
        raise Rejected("animated, or several pages in one file")
    image.draft(None, (LOOKED_AT, LOOKED_AT))
    with memory_to_decode(image, patience=patience):
        image.load()
        if problem := tiff.wrong_numbers(image):
            raise Rejected(problem)
        tones = _tones(image, scales)
        seen = as_seen(image, scales=scales, short=LOOKED_AT)
    digest = hashlib.sha256(content).hexdigest()
    return Facts(digest, len(content), width, height, mode, kind, looks(seen), appearance(seen), tones)


def _tones(image: Image.Image, scales: Scales) -> Tones | None:
    """The value range of a deep grey image, None for other images. Raises Rejected for a single colour."""
    depth = kind_of(image.mode)
    if depth is None:
        return None
    own = measure([some_pixels(image)])
    if own is None:
        raise Rejected("of one colour: its grey values are all the same, or no numbers")
    if depth in scales and (problem := too_flat(own, Tones.of(scales[depth]))):
        raise Rejected(problem)
    return own


def too_flat(own: Tones, scale: Tones) -> str:
    """Why an image with these values has a single colour on the data set's scale; empty if it has not."""
    seen = min(own.high, scale.high) - max(own.low, scale.low)
    if seen * 255 >= FLAT * (scale.high - scale.low):
        return ""
    return (
        f"of one colour: its grey values are {own.low:.6g} to {own.high:.6g}, "
        f"those of the other images {scale.low:.6g} to {scale.high:.6g}"
    )
