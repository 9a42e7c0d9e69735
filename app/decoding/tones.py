"""Scales deep greys (more than 8 bits per grey value, or floats) to 8 bits.

The scale, which value is black and which is white, belongs to the data set and is measured once on some of
its images, not per image. Percentiles ignore single outlier pixels.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

PERCENTILES = (0.5, 99.5)
LOOKED_AT = 65_536  # pixels per image for the percentiles
_MIDDLE = 128  # of an image of one colour

Kind = str  # "I": whole numbers, "F": floats


class Tones(NamedTuple):
    """The grey values that are shown as black and as white."""

    low: float
    high: float

    def apply(self, values: NDArray[np.generic]) -> NDArray[np.uint8]:
        """Deep greys as 0 to 255; NaN becomes black."""
        if not self.high > self.low:
            return np.full(values.shape, _MIDDLE, np.uint8)
        scaled = (values.astype(np.float64) - self.low) * (255 / (self.high - self.low))
        return np.nan_to_num(np.clip(scaled, 0, 255), nan=0.0).round().astype(np.uint8)


Scales = Mapping[Kind, Sequence[float]]  # by kind: (low, high), as stored with the data set
NO_SCALES: Scales = {}


def kind_of(mode: str) -> Kind | None:
    """The kind of scale for images of this Pillow mode; None for 8 bits."""
    return "F" if mode == "F" else "I" if mode.startswith("I") else None


def some_pixels(image: Image.Image, most: int = LOOKED_AT) -> NDArray[np.float64]:
    """Pixels of a deep grey image, evenly spaced, (n,), without NaN."""
    width, height = image.size
    step = max(1, int(np.sqrt(width * height / most)))
    if step == 1:
        values = np.asarray(image).ravel().astype(np.float64)
    else:  # line by line: an array of the whole image would double the memory
        lines = range(min(step // 2, height - 1), height, step)
        values = np.concatenate([np.asarray(image.crop((0, y, width, y + 1)))[0, ::step] for y in lines])
        values = values.astype(np.float64)
    return values[np.isfinite(values)]


def measure(pools: Iterable[NDArray[np.float64]]) -> Tones | None:
    """The tones of all these pixels together; None if all have the same value."""
    values = np.concatenate([np.empty(0), *pools])
    if not len(values):
        return None
    low, high = map(float, np.percentile(values, PERCENTILES))
    if not high > low:  # nearly all have one colour: use the remaining pixels
        low, high = float(values.min()), float(values.max())
    return Tones(low, high) if high > low else None


def tones_for(image: Image.Image, scales: Scales) -> Tones:
    """The tones of the data set; if it has none of this kind, those of the image alone."""
    if known := scales.get(kind_of(image.mode) or ""):
        return Tones(*known)
    return measure([some_pixels(image)]) or Tones(0.0, 0.0)


def tag(mode: str, scales: Scales) -> str:
    """A name part that distinguishes files made with different scales; empty for images of 8 bits."""
    kind = kind_of(mode)
    if kind is None:
        return ""
    return "-alone" if kind not in scales else "-" + "-".join(f"{value:.6g}" for value in scales[kind])
