"""Scales deep greys (more than 8 bits per grey value, or floats) to 8 bits.

The scale, which value is black and which is white, belongs to the data set and is measured once on some of
its images, not per image. Percentiles ignore single outlier pixels. Values that stand for no data do not
count: the one that a TIFF names (GDAL_NODATA), and a value that repeats far away from all others.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

PERCENTILES = (0.5, 99.5)
LOOKED_AT = 65_536  # pixels per image for the percentiles
_MIDDLE = 128  # of an image of one colour
# A value stands for no data if more than this share of the pixels has it, if it is farther from all others
# than this multiple of their range, and if these have at least so many different values (unlike in a mask).
_SHARE, _FAR, _DIFFERENT = 0.004, 2, 16
_GDAL_NODATA = 42113  # a tag of TIFF

Kind = str  # "I": whole numbers, "F": floats


class Tones(NamedTuple):
    """The grey values that are shown as black and as white."""

    low: float
    high: float
    no_data: tuple[float, ...] = ()  # values far from all others that were left out

    @classmethod
    def of(cls, stored: Sequence[float]) -> "Tones":
        """From the form that is stored with the data set."""
        return cls(stored[0], stored[1], tuple(stored[2:]))

    def stored(self) -> list[float]:
        """The form that is stored with the data set."""
        return [self.low, self.high, *self.no_data]

    def apply(self, values: NDArray[np.generic]) -> NDArray[np.uint8]:
        """Deep greys as 0 to 255; NaN becomes black."""
        if not self.high > self.low:
            return np.full(values.shape, _MIDDLE, np.uint8)
        scaled = (values.astype(np.float64) - self.low) * (255 / (self.high - self.low))
        return np.nan_to_num(np.clip(scaled, 0, 255), nan=0.0).round().astype(np.uint8)


Scales = Mapping[
    Kind, Sequence[float]
]  # by kind: (low, high, values of no data), as stored with the data set
NO_SCALES: Scales = {}


def kind_of(mode: str) -> Kind | None:
    """The kind of scale for images of this Pillow mode; None for 8 bits."""
    return "F" if mode == "F" else "I" if mode.startswith("I") else None


def some_pixels(image: Image.Image, most: int = LOOKED_AT) -> NDArray[np.float64]:
    """Pixels of a deep grey image, evenly spaced, (n,), without NaN and the value named as no data."""
    width, height = image.size
    step = max(1, int(np.sqrt(width * height / most)))
    if step == 1:
        values = np.asarray(image).ravel().astype(np.float64)
    else:  # line by line: an array of the whole image would double the memory
        lines = range(min(step // 2, height - 1), height, step)
        values = np.concatenate([np.asarray(image.crop((0, y, width, y + 1)))[0, ::step] for y in lines])
        values = values.astype(np.float64)
    values = values[np.isfinite(values)]
    named = no_data_of(image)
    rest = values if named is None else values[values != named]
    return rest if len(rest) and np.ptp(rest) else values  # an image of one value and no data is a mask


def no_data_of(image: Image.Image) -> float | None:
    """The value of no data that a TIFF names, as its pixels have it; None if there is none."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return None
    try:
        named = float(str(image.tag_v2.get(_GDAL_NODATA, "nan")).strip("\0 "))
    except ValueError:
        return None
    with np.errstate(over="ignore"):
        named = float(np.float32(named)) if image.mode == "F" else named
    return named if np.isfinite(named) else None


def measure(pools: Iterable[NDArray[np.float64]]) -> Tones | None:
    """The tones of all these pixels together, without values of no data; None if all have the same value."""
    values = np.concatenate([np.empty(0), *pools])
    if not len(values):
        return None
    no_data: set[float] = set()
    while found := _no_data(values):
        no_data |= found
        values = values[~np.isin(values, list(found))]
    low, high = map(float, np.percentile(values, PERCENTILES))
    if not high > low:  # nearly all have one colour: use the remaining pixels
        low, high = float(values.min()), float(values.max())
    return Tones(low, high, tuple(sorted(no_data))) if high > low else None


def _no_data(values: NDArray[np.float64]) -> set[float]:
    """The smallest value, the largest or both if they stand for no data; empty if not."""
    ends = {float(values.min()), float(values.max())}
    frequent = [end for end in ends if np.count_nonzero(values == end) > _SHARE * len(values)]
    for some in [*({end} for end in frequent), *([ends] if len(frequent) == 2 else [])]:  # noqa: PLR2004
        rest = values[~np.isin(values, list(some))]
        if not len(rest):
            continue
        low, high = np.percentile(rest, PERCENTILES)
        gap = min(max(low - end, end - high) for end in some)
        if gap > _FAR * (high - low) and len(np.unique(rest[:: len(rest) // 10_000 + 1])) >= _DIFFERENT:
            return some
    return set()


def tones_for(image: Image.Image, scales: Scales) -> Tones:
    """The tones of the data set; if it has none of this kind, those of the image alone."""
    if known := scales.get(kind_of(image.mode) or ""):
        return Tones.of(known)
    return measure([some_pixels(image)]) or Tones(0.0, 0.0)


def tag(mode: str, scales: Scales) -> str:
    """A name part that distinguishes files made with different scales; empty for images of 8 bits."""
    kind = kind_of(mode)
    if kind is None:
        return ""
    return "-alone" if kind not in scales else "-" + "-".join(f"{value:.6g}" for value in scales[kind][:2])
