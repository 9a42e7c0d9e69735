"""What the pixels of an image are like: how bright, how varied, how sharp, in numbers without a size.

An image is looked at in at most 256 pixels a side, as people see it on a page and networks learn it: blur
that is only visible in the full size of a photograph is no problem for either.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

SIDE = 256  # most pixels of the longer side that is looked at
PLACES = 16  # of a side: brightness differs from place to place, noise does not
_FLAT = 1.0  # added to variances (of 255 levels): what is less is rounding, not structure


class Appearance(NamedTuple):
    """Of one image."""

    brightness: float  # mean of its greys, 0 (black) to 1 (white)
    contrast: float  # range of its places, 0 (one colour) to 1, in the colour where it is widest
    sharpness: (
        float  # variance of its second differences, as a multiple of that of the image softened by a pixel
    )


def appearance(image: Image.Image) -> Appearance:
    """How an RGB image appears."""
    seen = _small(image)
    grey = seen.convert("L")
    places = np.asarray(seen.resize((PLACES, PLACES), Image.Resampling.BOX), np.float32)
    contrast = float(np.ptp(places, axis=(0, 1)).max()) / 255
    softened = _roughness(grey.filter(ImageFilter.BoxBlur(1)))
    sharpness = _roughness(grey) / (softened + _FLAT)
    return Appearance(float(np.asarray(grey).mean()) / 255, contrast, sharpness)


def _small(image: Image.Image) -> Image.Image:
    """The image in at most `SIDE` pixels; never enlarged."""
    longest = max(image.size)
    if longest <= SIDE:
        return image
    width, height = (max(1, round(side * SIDE / longest)) for side in image.size)
    return image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=3.0)


def _roughness(grey: Image.Image) -> float:
    """The variance of the second differences (Laplacian), 0 for images that are too small to have any."""
    a: NDArray[np.float32] = np.asarray(grey, np.float32)
    if min(a.shape) < 3:  # noqa: PLR2004 - a pixel with neighbours on each side
        return 0.0
    middle = a[1:-1, 1:-1]
    return float((a[:-2, 1:-1] + a[2:, 1:-1] + a[1:-1, :-2] + a[1:-1, 2:] - 4 * middle).var())
