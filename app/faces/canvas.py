"""A small drawing kit: smooth shapes, tapered strokes and soft shadows on an antialiased picture."""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageDraw, ImageFilter

Points = npt.NDArray[np.float64]
"""Shape (n, 2), columns x (to the right) and y (down), in face units: a head is 2 units wide."""

Colour = tuple[int, int, int]


class Soft(NamedTuple):
    """A shape whose edges fade over about `blur` face units; `alpha` is its strength in the middle."""

    shape: Points
    colour: Colour
    alpha: float
    blur: float


SUPERSAMPLING = 3
SOFT_REDUCTION = 6  # soft shapes are drawn this much smaller: the blur hides it, and it is 36 times cheaper


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """The colour `share` of the way from the first to the second; 0 is the first."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def smooth(points: Sequence[tuple[float, float]] | Points, *, closed: bool = True, steps: int = 7) -> Points:
    """A Catmull-Rom curve through the points, `steps` points per stretch."""
    knots = np.asarray(points, dtype=np.float64)
    if closed:
        padded = np.concatenate([knots[-1:], knots, knots[:2]])
    else:
        padded = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    windows = np.stack([padded[i : len(padded) - 3 + i] for i in range(4)], axis=1)
    curve = (_catmull_rom(steps) @ windows).reshape(-1, 2)
    return curve if closed else np.concatenate([curve, knots[-1:]])


@cache
def _catmull_rom(steps: int) -> Points:
    """The share of each of four neighbouring knots in each point between the middle two: shape (steps, 4)."""
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    powers = np.concatenate([np.ones_like(t), t, t**2, t**3], axis=1)
    shares: Points = 0.5 * powers @ np.array([[0.0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]])
    return shares


def oval(x: float, y: float, width: float, height: float, *, tilt: float = 0.0, steps: int = 28) -> Points:
    """An ellipse with the given centre and half axes, tilted by `tilt` radians."""
    cos, sin = np.cos(tilt), np.sin(tilt)
    axes = np.array([[width * cos, width * sin], [-height * sin, height * cos]])
    return moved(_unit_circle(steps) @ axes, x, y)


def moved(shape: Points, x: float, y: float) -> Points:
    """The shape, moved to the right by x and down by y."""
    result: Points = shape + np.array((x, y))
    return result


@cache
def _unit_circle(steps: int) -> Points:
    angle = np.linspace(0, 2 * np.pi, steps, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def mirrored(half: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """A closed outline from its right half, listed from the top to the bottom."""
    return [*half, *((-x, y) for x, y in reversed(half) if x != 0)]


class Canvas:
    """A square RGB picture that is drawn in face units and three times too large, then reduced.

    `unit` is half a head's width as a share of the picture's side, `rotation` is in radians, and
    `shift` moves the centre, in face units.
    """

    def __init__(
        self, size: int, *, unit: float = 0.31, rotation: float = 0.0, shift: tuple[float, float] = (0.0, 0.0)
    ) -> None:
        self.size = size
        self.side = size * SUPERSAMPLING
        self.image = Image.new("RGB", (self.side, self.side))
        self._draw = ImageDraw.Draw(self.image)
        self._unit = unit * self.side
        cos, sin = np.cos(rotation), np.sin(rotation)
        self._turn = np.array([[cos, sin], [-sin, cos]]) * self._unit
        self._origin = np.array([self.side / 2, self.side / 2]) + np.array(shift) * self._unit

    def _pixels(self, points: Points, reduction: int = 1) -> list[tuple[float, float]]:
        placed = (points @ self._turn + self._origin) / reduction
        return list(map(tuple, placed.tolist()))

    def mask(self, *shapes: Points) -> Image.Image:
        """The union of the shapes as a mask to clip with: mode L, supersampled size."""
        mask = Image.new("L", (self.side, self.side))
        draw = ImageDraw.Draw(mask)
        for shape in shapes:
            draw.polygon(self._pixels(shape), fill=255)
        return mask

    def wash(self, shapes: Sequence[Points], colour: Colour, *, alpha: float) -> None:
        """Fill the union of many shapes at once, see-through."""
        self.image.paste(colour, (0, 0), self.mask(*shapes).point(lambda value: value * alpha))

    def fill(
        self, shape: Points, colour: Colour, *, alpha: float = 1.0, clip: Image.Image | None = None
    ) -> None:
        """Fill a closed shape, see-through below alpha 1, inside the clip mask only."""
        corners = self._pixels(shape)
        if clip is None and alpha >= 1:
            self._draw.polygon(corners, fill=colour)
            return
        box = self._box(corners, margin=1, side=self.side)
        if box is None:
            return
        left, top, right, bottom = box
        mask = Image.new("L", (right - left, bottom - top))
        moved = [(x - left, y - top) for x, y in corners]
        ImageDraw.Draw(mask).polygon(moved, fill=round(255 * min(alpha, 1)))
        if clip is not None:
            mask = ImageChops.multiply(mask, clip.crop(box))
        self.image.paste(colour, box, mask)

    @staticmethod
    def _box(
        corners: list[tuple[float, float]], *, margin: int, side: int
    ) -> tuple[int, int, int, int] | None:
        """The part of the picture that a shape can touch; None when it lies outside."""
        xs, ys = [x for x, _ in corners], [y for _, y in corners]
        left, top = max(int(min(xs)) - margin, 0), max(int(min(ys)) - margin, 0)
        right, bottom = min(int(max(xs)) + margin + 1, side), min(int(max(ys)) + margin + 1, side)
        return (left, top, right, bottom) if left < right and top < bottom else None

    def shade(self, clip: Image.Image, colour: Colour, softs: Sequence[Soft]) -> None:
        """Fill the clip mask with a colour and soft shapes; faster than one call of `soft` per shape."""
        side = -(-self.side // SOFT_REDUCTION)
        small = Image.new("RGB", (side, side), colour)
        for soft in softs:
            mask = Image.new("L", (side, side))
            corners = self._pixels(soft.shape, SOFT_REDUCTION)
            ImageDraw.Draw(mask).polygon(corners, fill=round(255 * min(soft.alpha, 1)))
            mask = mask.filter(ImageFilter.GaussianBlur(soft.blur * self._unit / SOFT_REDUCTION))
            small.paste(soft.colour, (0, 0), mask)
        box = clip.getbbox()
        if box is not None:
            left, top, right, bottom = box
            wanted = (
                left / SOFT_REDUCTION,
                top / SOFT_REDUCTION,
                right / SOFT_REDUCTION,
                bottom / SOFT_REDUCTION,
            )
            large = small.resize((right - left, bottom - top), Image.Resampling.BILINEAR, box=wanted)
            self.image.paste(large, box, clip.crop(box))

    def soft(
        self, shape: Points, colour: Colour, *, alpha: float, blur: float, clip: Image.Image | None = None
    ) -> None:
        """Fill a shape with edges that fade over about `blur` face units: shadows, light, blush."""
        radius = blur * self._unit / SOFT_REDUCTION
        corners = self._pixels(shape, SOFT_REDUCTION)
        box = self._box(corners, margin=int(2.5 * radius) + 1, side=-(-self.side // SOFT_REDUCTION))
        if box is None:
            return
        left, top, right, bottom = box
        small = Image.new("L", (right - left, bottom - top))
        ImageDraw.Draw(small).polygon(
            [(x - left, y - top) for x, y in corners], fill=round(255 * min(alpha, 1))
        )
        small = small.filter(ImageFilter.GaussianBlur(radius))
        mask = small.resize(
            (small.width * SOFT_REDUCTION, small.height * SOFT_REDUCTION), Image.Resampling.BILINEAR
        )
        large = (left * SOFT_REDUCTION, top * SOFT_REDUCTION, right * SOFT_REDUCTION, bottom * SOFT_REDUCTION)
        if clip is not None:
            mask = ImageChops.multiply(mask, clip.crop(large))
        self.image.paste(colour, large, mask)

    def stroke(
        self,
        line: Points,
        width: float,
        colour: Colour,
        *,
        taper: tuple[float, float] = (1.0, 1.0),
        alpha: float = 1.0,
        clip: Image.Image | None = None,
    ) -> None:
        """Draw along an open line with round ends; `taper` is the width's share at its start and end."""
        self.fill(outline_of_stroke(line, width, taper), colour, alpha=alpha, clip=clip)

    def ring(self, shape: Points, width: float, colour: Colour) -> None:
        """Draw along a closed shape."""
        aside = _normals(np.concatenate([shape[-1:], shape, shape[:1]])) * width / 2
        outer, inner = shape + aside, (shape - aside)[::-1]
        self.fill(np.concatenate([outer, outer[:1], inner[-1:], inner]), colour)

    def finished(self) -> Image.Image:
        """The picture in its final size, mode RGB, antialiased."""
        return self.image.reduce(SUPERSAMPLING)


def outline_of_stroke(line: Points, width: float, taper: tuple[float, float] = (1.0, 1.0)) -> Points:
    """The closed outline of a line of the given width, full in its middle and tapered to its ends."""
    normal = _normals(np.concatenate([2 * line[:1] - line[1:2], line, 2 * line[-1:] - line[-2:-1]]))
    t = np.linspace(-1, 1, len(line))
    ends = np.where(t < 0, taper[0], taper[1])
    half = (width / 2 * (ends + (1 - ends) * (1 - np.abs(t) ** 2.2)))[:, None]
    aside = normal * half
    # Each end is a half circle from the one side of the line to the other.
    caps = [_HALF_CIRCLE @ np.array([across, (across[1], -across[0])]) for across in (aside[-1], -aside[0])]
    return np.concatenate([line + aside, line[-1] + caps[0], (line - aside)[::-1], line[0] + caps[1]])


_SWEEP = np.linspace(0, np.pi, 7)[1:-1]
_HALF_CIRCLE = np.stack([np.cos(_SWEEP), np.sin(_SWEEP)], axis=1)


def _normals(line: Points) -> Points:
    """Unit normals of all points but the first and the last, shape (n - 2, 2)."""
    ahead = line[2:] - line[:-2]
    ahead /= np.maximum(np.hypot(ahead[:, :1], ahead[:, 1:]), 1e-9)
    return np.stack([-ahead[:, 1], ahead[:, 0]], axis=1)
