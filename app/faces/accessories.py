"""Hats, glasses and earrings."""

import numpy as np
from PIL import Image

from app.faces.canvas import Canvas, Colour, Points, Soft, mirrored, mix, moved, oval, smooth
from app.faces.face import Face
from app.faces.features import EYE_HEIGHT, INK, WHITE

SHADOW: Colour = (24, 14, 34)


def _dome(top: float, width: float, low: float) -> list[tuple[float, float]]:
    return mirrored(
        [
            (0, top),
            (width * 0.6, top + 0.1),
            (width * 0.95, top + 0.42),
            (width, low - 0.1),
            (width * 0.97, low),
        ]
    )


def _lit(canvas: Canvas, face: Face, shape: Points, colour: Colour) -> Image.Image:
    clip = canvas.mask(shape)
    side = 1 if face.picture.light > 0 else -1
    shadow, light = oval(-side * 1.0, -0.7, 0.45, 0.8), oval(side * 0.35, -1.25, 0.4, 0.16)
    canvas.shade(clip, colour, [Soft(shadow, SHADOW, 0.3, 0.18), Soft(light, WHITE, 0.22, 0.1)])
    return clip


def draw_hat(canvas: Canvas, face: Face, head: Image.Image) -> None:
    """The hat of the look, if any; it ends above the brows."""
    hat, colour = face.look.hat, face.look.hat_colour
    if hat is None:
        return
    deep = mix(colour, SHADOW, 0.3)
    canvas.soft(oval(0, -0.72, 0.95, 0.1), SHADOW, alpha=0.35, blur=0.06, clip=head)
    if hat == "beanie":
        clip = _lit(canvas, face, smooth(_dome(-1.5, 1.1, -0.72)), colour)
        band = smooth([(-1.13, -0.98), (0, -1.06), (1.13, -0.98), (1.13, -0.68), (0, -0.74), (-1.13, -0.68)])
        canvas.fill(band, deep)
        for x in np.linspace(-0.95, 0.95, 9):
            rib = np.array([[x * 0.55, -1.5], [x * 0.9, -1.25], [x, -1.0]])
            canvas.stroke(rib, 0.03, deep, taper=(0.4, 1), alpha=0.6, clip=clip)
        canvas.fill(oval(0, -1.52, 0.2, 0.17), mix(colour, WHITE, 0.6))
    elif hat == "cap":
        side = -1 if face.look.mirrored else 1
        _lit(canvas, face, smooth(_dome(-1.42, 1.07, -0.76)), colour)
        peak = [
            (-0.75, -0.82),
            (0, -0.93),
            (0.8, -0.86),
            (1.32, -0.7),
            (1.25, -0.6),
            (0.6, -0.68),
            (0, -0.7),
            (-0.6, -0.72),
        ]
        canvas.fill(smooth([(side * x, y) for x, y in peak]), deep)
        canvas.fill(oval(side * 0.2, -1.12, 0.15, 0.14), mix(colour, WHITE, 0.75))
    elif hat == "beret":
        beret = [
            (-1.15, -0.85),
            (-1.25, -1.15),
            (-0.6, -1.45),
            (0.3, -1.45),
            (1.0, -1.2),
            (1.04, -0.85),
            (0, -0.78),
        ]
        _lit(canvas, face, smooth(beret), colour)
        canvas.stroke(smooth([(-1.0, -0.8), (0, -0.78), (1.0, -0.8)], closed=False), 0.1, deep)
    elif hat == "headband":
        band = smooth([(-1.06, -0.62), (-0.6, -0.94), (0, -1.03), (0.6, -0.94), (1.06, -0.62)], closed=False)
        canvas.stroke(band, 0.2, colour)
        canvas.stroke(moved(band, 0, 0.05), 0.06, deep, alpha=0.6)


def draw_scarf(canvas: Canvas, face: Face) -> None:
    """A head scarf: a frame around the face, drawn instead of ears and hair."""
    colour = face.look.hat_colour
    outer = smooth(
        mirrored([(0, -1.42), (0.8, -1.2), (1.2, -0.5), (1.22, 0.3), (1.12, 1.0), (1.5, 1.6), (0.9, 2.2)])
    )
    clip = _lit(canvas, face, outer, colour)
    for side in (-1, 1):
        fold = smooth(
            [(side * 0.98, 0.6), (side * 0.8, 1.15), (side * 0.2, 1.5), (side * -0.3, 1.75)], closed=False
        )
        canvas.stroke(fold, 0.06, mix(colour, SHADOW, 0.35), taper=(0.2, 0.2), alpha=0.7, clip=clip)


def scarf_opening() -> Points:
    """The part of the face that a head scarf leaves free."""
    return smooth(
        mirrored([(0, -0.9), (0.55, -0.84), (0.86, -0.5), (0.95, 0.0), (0.88, 0.5), (0.6, 0.95), (0, 1.17)])
    )


def draw_glasses(canvas: Canvas, face: Face) -> None:
    """Glasses with a faint shine."""
    look, turn = face.look, face.picture.turn
    if look.glasses is None:
        return
    frame = INK if look.glasses != "thin" else mix(look.hat_colour, INK, 0.35)
    wide = 0.04 if look.glasses == "thin" else 0.06
    for side in (-1, 1):
        x = side * look.eye_gap + turn
        lens = oval(x, EYE_HEIGHT + 0.02, 0.35, 0.33)
        if look.glasses == "square":
            box = [
                (0.34, -0.24),
                (0.36, 0.0),
                (0.3, 0.26),
                (0.0, 0.3),
                (-0.3, 0.26),
                (-0.36, 0.0),
                (-0.34, -0.24),
                (0.0, -0.28),
            ]
            lens = smooth([(x + dx, EYE_HEIGHT + 0.02 + dy) for dx, dy in box])
        canvas.fill(lens, WHITE, alpha=0.1)
        canvas.ring(lens, wide, frame)
        shine = np.array(
            [[x - 0.22, EYE_HEIGHT - 0.02], [x - 0.16, EYE_HEIGHT - 0.12], [x - 0.06, EYE_HEIGHT - 0.2]]
        )
        canvas.stroke(shine, 0.045, WHITE, taper=(0.4, 0.4), alpha=0.7)
        arm = np.linspace((x + side * 0.34, EYE_HEIGHT), (side * 1.02, EYE_HEIGHT - 0.04), 4)
        canvas.stroke(arm, wide, frame)
    gap = look.eye_gap - 0.35
    bridge = smooth(
        [(turn - gap, EYE_HEIGHT), (turn, EYE_HEIGHT - 0.06), (turn + gap, EYE_HEIGHT)], closed=False
    )
    canvas.stroke(bridge, wide, frame)


def draw_earrings(canvas: Canvas) -> None:
    """A pair of earrings below the ears."""
    for side in (-1, 1):
        canvas.fill(oval(side * 1.07, 0.38, 0.075, 0.085), (236, 190, 84))
        canvas.fill(oval(side * 1.07 - 0.02, 0.36, 0.028, 0.03), WHITE)
