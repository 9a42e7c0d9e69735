"""Decodes an image as people and networks see it.

Upright, in RGB, transparency on white, grey values of more than 8 bits by the data set's scale.

A large image is never twice in memory: JPEGs are decoded at a fraction of their size, other formats are
converted to RGB and made smaller strip by strip.
"""

import numpy as np
from PIL import Image, ImageOps

from app.decoding.opening import LARGE, memory_to_decode, open_image, orientation
from app.decoding.tones import NO_SCALES, Scales, Tones, kind_of, tones_for

_STRIP = 1_000_000  # pixels
_GAP = 3  # a large image is first made smaller by whole factors, to at least this multiple of the wanted size
_WHITE = (255, 255, 255, 255)
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode_square(
    data: bytes, size: int, *, scales: Scales = NO_SCALES, patience: float | None = None
) -> np.ndarray:
    """One encoded image as a uint8 array (size, size, 3), as a person sees it.

    The short side is scaled to `size` with antialiasing and the centre is cropped, as fastai and torchvision
    do by default: this keeps the shape of faces and objects, and the class is seldom visible only at the edge
    (bars around the whole image did worse: benchmarks/whole_images.py). Without the data set's `scales` an
    image of more than 8 bits per grey value is scaled by its own values. Of an animation the first frame is
    used. Raises whatever Pillow raises, and Busy when `patience` (seconds) is over.
    """
    with open_image(data, patience=patience) as image:
        image.draft(None, (2 * size, 2 * size))  # big JPEGs decode at a fraction of their size
        with memory_to_decode(image, patience=patience):
            picture = as_seen(image, scales=scales, short=size)
            if picture.size != (size, size):
                picture = ImageOps.fit(picture, (size, size), Image.Resampling.BILINEAR)
            return np.asarray(picture, dtype=np.uint8)


def decode_grey(data: bytes, size: int, *, scales: Scales = NO_SCALES) -> np.ndarray:
    """One whole encoded image, as a person sees it, as greys (size, size) in uint8: its shape is lost.

    Raises whatever Pillow raises.
    """
    with open_image(data) as image:
        image.draft(None, (2 * size, 2 * size))
        with memory_to_decode(image):
            picture = as_seen(image, scales=scales, short=size).convert("L")
            small = picture.resize((size, size), Image.Resampling.BICUBIC, reducing_gap=_GAP)
            return np.asarray(small, dtype=np.uint8)


def as_seen(image: Image.Image, *, scales: Scales = NO_SCALES, short: int | None = None) -> Image.Image:
    """The opened image in RGB as a person sees it.

    With `short` the result may be smaller, but its short side has at least 3 times `short` pixels.
    """
    image.load()
    turn = 1 if image.format == "TIFF" else orientation(image)  # Pillow turns a TIFF when it loads it
    tones = tones_for(image, scales) if kind_of(image.mode) else None
    width, height = image.size
    if width * height <= LARGE:
        return _turned(_in_rgb(image, tones), turn)
    factor = 1 if short is None else max(1, min(width, height) // (_GAP * short))
    return _turned(_by_strips(image, tones, factor), turn)


def _by_strips(image: Image.Image, tones: Tones | None, factor: int) -> Image.Image:
    """The image in RGB, each pixel the mean of factor x factor pixels."""
    if factor == 1 and tones is None and image.mode == "RGB" and not image.has_transparency_data:
        return image
    width, height = image.size
    result = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    rows = max(1, _STRIP // (width * factor)) * factor
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(top + rows, height)))
        strip = _in_rgb(strip, tones)
        result.paste(strip.reduce(factor) if factor > 1 else strip, (0, top // factor))
    return result


def _in_rgb(image: Image.Image, tones: Tones | None) -> Image.Image:
    if tones is not None:
        return Image.fromarray(tones.apply(np.asarray(image))).convert("RGB")
    if image.has_transparency_data:
        picture = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", picture.size, _WHITE), picture).convert("RGB")
    return image.convert("RGB")


def _turned(image: Image.Image, turn: int) -> Image.Image:
    return image.transpose(_TURNS[turn]) if turn in _TURNS else image
