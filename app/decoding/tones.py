"""Deep greys (16 bits, 32 bits, floats) in 8 bits: which value is black and which is white.

That is a fact of a data set, measured once over some of its images, and never of the brightest pixel of one.
Percentiles leave stray pixels out.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

PERCENTILES = (0.5, 99.5)
LOOKED_AT = 65_536  # pixels of an image from which its percentiles are taken
_MIDDLE = 128  # of an image of one colour

Kind = str  # "I": whole numbers, "F": floats


class Tones(NamedTuple):
    """The values that are shown as black and as white."""

    low: float
    high: float

    def apply(self, values: NDArray[np.generic]) -> NDArray[np.uint8]:
        """Deep greys as 0 to 255; what is no number is black."""
        if not self.high > self.low:
            return np.full(values.shape, _MIDDLE, np.uint8)
        scaled = (values.astype(np.float64) - self.low) * (255 / (self.high - self.low))
        return np.nan_to_num(np.clip(scaled, 0, 255), nan=0.0).round().astype(np.uint8)


Scales = Mapping[Kind, Sequence[float]]  # by kind (low, high), as a data set keeps them
NO_SCALES: Scales = {}


def kind_of(mode: str) -> Kind | None:
    """Which scale images of this Pillow mode go by; none for those of 8 bits."""
    return "F" if mode == "F" else "I" if mode.startswith("I") else None


def some_pixels(image: Image.Image, most: int = LOOKED_AT) -> NDArray[np.float64]:
    """Pixels of a deep grey image, evenly taken, (n,); none that is no number."""
    width, height = image.size
    step = max(1, int(np.sqrt(width * height / most)))
    if step == 1:
        values = np.asarray(image).ravel().astype(np.float64)
    else:  # line by line: an array of a large image would take as much memory as the image again
        lines = range(min(step // 2, height - 1), height, step)
        values = np.concatenate([np.asarray(image.crop((0, y, width, y + 1)))[0, ::step] for y in lines])
        values = values.astype(np.float64)
    return values[np.isfinite(values)]


def measure(pools: Iterable[NDArray[np.float64]]) -> Tones | None:
    """The tones of all these pixels together; none where there is no more than one value."""
    values = np.concatenate([np.empty(0), *pools])
    if not len(values):
        return None
    low, high = map(float, np.percentile(values, PERCENTILES))
    if not high > low:  # nearly all of one colour: what is left of it counts
        low, high = float(values.min()), float(values.max())
    return Tones(low, high) if high > low else None


def tones_for(image: Image.Image, scales: Scales) -> Tones:
    """The tones of the data set, or where it has none of this kind those of the image alone."""
    if known := scales.get(kind_of(image.mode) or ""):
        return Tones(*known)
    return measure([some_pixels(image)]) or Tones(0.0, 0.0)


def tag(mode: str, scales: Scales) -> str:
    """Tells files made by one scale from those made by another; empty for images of 8 bits."""
    kind = kind_of(mode)
    if kind is None:
        return ""
    return "-alone" if kind not in scales else "-" + "-".join(f"{value:.6g}" for value in scales[kind])
