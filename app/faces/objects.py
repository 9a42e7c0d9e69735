"""Pictures in the faces' manner that show no face: what a scraped folder always holds a few of."""

from collections.abc import Callable

import numpy as np
from PIL import Image

from app.faces import palette
from app.faces.canvas import Canvas, Colour, Points, Soft, mirrored, mix, oval, smooth
from app.faces.drawing import NIGHT, draw_background, photograph
from app.faces.face import draw_picture, pick
from app.faces.features import WHITE

Artist = Callable[[Canvas, np.random.Generator, Colour], None]


def render_object(rng: np.random.Generator, size: int) -> Image.Image:
    """A tree, a house, a cup or the like as a square picture of `size` pixels, mode RGB or L."""
    picture, seed = draw_picture(rng), int(rng.integers(2**31))
    canvas = Canvas(size, unit=picture.unit, rotation=picture.rotation * 0.5, shift=picture.shift)
    draw_background(canvas, picture, seed)
    pick(rng, _ARTISTS)(canvas, rng, pick(rng, palette.CLOTHES))
    return photograph(canvas.finished(), picture, seed)


def _solid(canvas: Canvas, shape: Points, colour: Colour) -> None:
    """A shape with light from the upper left and shade at the lower right."""
    (left, top), (right, bottom) = shape.min(axis=0), shape.max(axis=0)
    wide, high = float(right - left), float(bottom - top)
    dark = oval(float(right), float(bottom), wide * 0.4, high * 0.45)
    lit = oval(float(left) + wide * 0.3, float(top) + high * 0.25, wide * 0.2, high * 0.17)
    canvas.shade(canvas.mask(shape), colour, [Soft(dark, NIGHT, 0.4, 0.18), Soft(lit, WHITE, 0.4, 0.12)])


def _ground(canvas: Canvas, y: float, reach: float) -> None:
    canvas.soft(oval(0.05, y, reach, 0.1), NIGHT, alpha=0.45, blur=0.08)


def _tree(canvas: Canvas, rng: np.random.Generator, colour: Colour) -> None:
    green = pick(rng, ((88, 152, 92), (120, 164, 70), (58, 124, 98), (222, 140, 70)))
    _ground(canvas, 1.2, 0.8)
    _solid(
        canvas,
        smooth([(-0.14, 0.2), (0.14, 0.2), (0.2, 1.1), (0.34, 1.22), (-0.34, 1.22), (-0.2, 1.1)]),
        (122, 84, 60),
    )
    for x, y, radius in (
        (-0.5, 0.1, 0.5),
        (0.52, 0.08, 0.52),
        (0.0, 0.2, 0.5),
        (-0.32, -0.5, 0.52),
        (0.36, -0.48, 0.5),
        (0, -0.9, 0.46),
    ):
        _solid(canvas, oval(x, y, radius, radius * 0.9), mix(green, colour, float(rng.uniform(0, 0.12))))


def _house(canvas: Canvas, rng: np.random.Generator, colour: Colour) -> None:
    _ground(canvas, 1.12, 1.2)
    _solid(canvas, np.array([(-0.9, -0.1), (0.9, -0.1), (0.9, 1.1), (-0.9, 1.1)]), mix(colour, WHITE, 0.65))
    _solid(canvas, np.array([(0.4, -1.15), (0.65, -1.15), (0.65, -0.4), (0.4, -0.4)]), (150, 90, 80))
    _solid(canvas, np.array([(-1.15, -0.05), (0, -1.1), (1.15, -0.05)]), mix(colour, (170, 60, 50), 0.5))
    door = float(rng.choice((-0.6, 0.3)))
    _solid(
        canvas, np.array([(door, 0.45), (door + 0.36, 0.45), (door + 0.36, 1.1), (door, 1.1)]), (110, 74, 60)
    )
    for x in (-door - 0.3, -door - 0.3 + 0.42):
        canvas.fill(np.array([(x, 0.3), (x + 0.32, 0.3), (x + 0.32, 0.66), (x, 0.66)]), WHITE)
        canvas.fill(
            np.array([(x + 0.04, 0.34), (x + 0.28, 0.34), (x + 0.28, 0.62), (x + 0.04, 0.62)]),
            (130, 190, 220),
        )


def _cup(canvas: Canvas, rng: np.random.Generator, colour: Colour) -> None:
    _ground(canvas, 0.95, 0.9)
    handle = smooth([(0.6, -0.2), (1.05, -0.25), (1.15, 0.2), (0.95, 0.55), (0.55, 0.6)], closed=False)
    canvas.stroke(handle, 0.18, mix(colour, NIGHT, 0.2))
    _solid(
        canvas,
        smooth([(-0.75, -0.5), (0.75, -0.5), (0.72, 0.3), (0.5, 0.9), (0, 0.98), (-0.5, 0.9), (-0.72, 0.3)]),
        colour,
    )
    canvas.fill(oval(0, -0.5, 0.76, 0.2), mix(colour, WHITE, 0.4))
    canvas.fill(oval(0, -0.48, 0.66, 0.15), (92, 56, 40))
    for x in (-0.25, 0.2):
        bend = float(rng.uniform(0.1, 0.2))
        steam = smooth([(x, -0.7), (x + bend, -0.95), (x - bend * 0.5, -1.2), (x + bend, -1.5)], closed=False)
        canvas.stroke(steam, 0.1, WHITE, taper=(0.3, 0.2), alpha=0.6)


def _ball(canvas: Canvas, rng: np.random.Generator, colour: Colour) -> None:
    _ground(canvas, 1.02, 0.9)
    ball = oval(0, 0, 1.02, 1.02, steps=60)
    canvas.fill(ball, WHITE)
    clip = canvas.mask(ball)
    start = float(rng.uniform(0, 1))
    for number in range(6):
        angle = start + np.array([0, 0.26, 0.52]) + number * np.pi / 3
        wedge = np.stack([1.6 * np.cos(angle), 1.6 * np.sin(angle)], axis=1)
        second = pick(rng, palette.CLOTHES) if number % 2 else colour
        canvas.fill(np.concatenate([[(0.15, -0.2)], wedge]), second, clip=clip)
    canvas.fill(oval(0.15, -0.2, 0.14, 0.14), WHITE)
    canvas.soft(oval(0.8, 0.8, 0.6, 0.6), NIGHT, alpha=0.45, blur=0.2, clip=clip)
    canvas.soft(oval(-0.4, -0.5, 0.25, 0.2), WHITE, alpha=0.7, blur=0.12, clip=clip)


def _flower(canvas: Canvas, rng: np.random.Generator, colour: Colour) -> None:
    canvas.stroke(smooth([(0, -0.3), (0.1, 0.6), (0, 1.7)], closed=False), 0.12, (84, 140, 84))
    for side in (-1, 1):
        _solid(canvas, oval(side * 0.35, 0.95, 0.36, 0.15, tilt=-side * 0.5), (104, 164, 92))
    petals = int(rng.integers(6, 10))
    for angle in np.linspace(0, 2 * np.pi, petals, endpoint=False):
        x, y = 0.56 * np.cos(angle), -0.4 + 0.56 * np.sin(angle)
        _solid(canvas, oval(float(x), float(y), 0.42, 0.24, tilt=float(angle)), mix(colour, WHITE, 0.25))
    _solid(canvas, oval(0, -0.4, 0.3, 0.3), (244, 196, 84))


def _car(canvas: Canvas, rng: np.random.Generator, colour: Colour) -> None:
    _ground(canvas, 0.78, 1.3)
    body = [
        (-1.35, 0.1),
        (-0.85, 0.0),
        (-0.5, -0.5),
        (0.4, -0.52),
        (0.85, -0.02),
        (1.35, 0.14),
        (1.38, 0.58),
        (-1.38, 0.58),
    ]
    _solid(canvas, smooth(body), colour)
    rear = [(-0.62, -0.02), (-0.4, -0.4), (-0.04, -0.4), (-0.04, -0.02)]
    front = [(0.08, -0.4), (0.34, -0.4), (0.64, -0.02), (0.08, -0.02)]
    for window in (rear, front):
        canvas.fill(np.array(window), (190, 222, 236))
    spoke = float(rng.uniform(0.12, 0.2))
    for x in (-0.75, 0.75):
        canvas.fill(oval(x, 0.58, 0.3, 0.3), (40, 40, 50))
        canvas.fill(oval(x, 0.58, spoke, spoke), (200, 204, 210))


def _mountains(canvas: Canvas, rng: np.random.Generator, colour: Colour) -> None:
    canvas.fill(oval(float(rng.uniform(-1, 1)), -0.9, 0.34, 0.34), (255, 244, 214))
    for level in range(3):
        xs = np.linspace(-3, 3, 13)
        ys = -0.3 + 0.5 * level + rng.uniform(-0.45, 0.2, 13) * (1 - 0.2 * level)
        ridge = np.concatenate([np.stack([xs, ys], axis=1), [(3, 4), (-3, 4)]])
        canvas.fill(ridge, mix(mix(colour, (70, 90, 130), 0.6), NIGHT, 0.22 * level))


def _bottle(canvas: Canvas, rng: np.random.Generator, colour: Colour) -> None:
    _ground(canvas, 1.25, 0.6)
    waist = float(rng.uniform(0.38, 0.5))
    _solid(
        canvas,
        smooth(mirrored([(0, -1.1), (0.16, -1.08), (0.17, -0.6), (waist, -0.2), (waist, 1.1), (0, 1.24)])),
        colour,
    )
    _solid(
        canvas, np.array([(-0.2, -1.32), (0.2, -1.32), (0.2, -1.05), (-0.2, -1.05)]), mix(colour, NIGHT, 0.5)
    )
    canvas.fill(
        np.array([(-waist, 0.2), (waist, 0.2), (waist, 0.75), (-waist, 0.75)]), mix(colour, WHITE, 0.8)
    )


def _texture(canvas: Canvas, rng: np.random.Generator, colour: Colour) -> None:
    cells = int(rng.integers(4, 9))
    heights = rng.random((cells, cells, 1))
    shades = np.array(colour) * heights + np.array(mix(colour, WHITE, 0.6)) * (1 - heights)
    small = Image.fromarray(shades.astype(np.uint8))
    canvas.image.paste(
        small.resize(
            (canvas.side, canvas.side), pick(rng, (Image.Resampling.BICUBIC, Image.Resampling.NEAREST))
        )
    )


_ARTISTS: tuple[Artist, ...] = (_tree, _house, _cup, _ball, _flower, _car, _mountains, _bottle, _texture)
