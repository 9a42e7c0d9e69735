"""What carries the expression: eyes, brows, nose and mouth.

They are drawn large, to be read at 48 pixels too.
"""

import numpy as np
from PIL import Image

from app.faces.canvas import Canvas, Colour, Points, mix, moved, oval, smooth
from app.faces.face import Face

EYE_HEIGHT = -0.06
BROW_HEIGHT = -0.47
MOUTH_HEIGHT = 0.6
VERY_DARK = 80  # a skin whose blue value is not above this
FAINT = 0.3  # furrows below this are not drawn
INK: Colour = (44, 28, 34)
WHITE: Colour = (255, 253, 250)
TEETH: Colour = (252, 248, 240)
INSIDE: Colour = (104, 26, 38)
TONGUE: Colour = (226, 100, 104)


def shade_of(skin: Colour, strength: float) -> Colour:
    """The skin in shadow: darker, and warmer the darker it gets."""
    return mix(skin, (78, 24, 36), strength)


def draw_eyes(canvas: Canvas, face: Face) -> None:
    """Both eyes; the lids cover what the mood says."""
    for side in (-1, 1):
        _draw_eye(canvas, face, side)


def _draw_eye(canvas: Canvas, face: Face, side: int) -> None:
    mood, look, turn = face.mood, face.look, face.picture.turn
    x = side * look.eye_gap + turn
    width = 0.245 * look.eye_size
    t = np.linspace(-1, 1, 21)
    bow = np.sqrt(np.clip(1 - t**2, 0, 1))
    if mood.eyes_shut:
        arc = np.stack([x + width * t, EYE_HEIGHT + 0.07 - 0.2 * (1 - t**2)], axis=1)
        canvas.stroke(arc, 0.095, INK, taper=(0.45, 0.45))
        return
    up, low = 0.25 * mood.eye_open * look.eye_size, 0.2 * mood.eye_open * look.eye_size
    inward = -side * t  # 1 at the nose
    height = up + low
    lid = EYE_HEIGHT - up + height * mood.lid_drop + up * 0.62 * mood.lid_slant * inward
    lid = lid + max(0.0, -mood.lid_slant) * up * 0.12
    upper = np.maximum(EYE_HEIGHT - up * bow, lid)
    lower = np.minimum(
        EYE_HEIGHT + low * bow, EYE_HEIGHT + low - height * mood.cheek_push * (1.2 - 0.5 * t**2)
    )
    lower = np.maximum(lower, upper)
    across = x + width * t
    top, bottom = np.stack([across, upper], axis=1), np.stack([across, lower], axis=1)
    opening = np.concatenate([top, bottom[::-1]])
    canvas.fill(opening, WHITE)
    _draw_iris(canvas, face, canvas.mask(opening), x, top)
    canvas.stroke(bottom, 0.03, shade_of(look.skin, 0.62), taper=(0.3, 0.3))
    canvas.stroke(top, 0.075, INK, taper=(0.55, 0.55))
    if look.lashes:
        _draw_lashes(canvas, top if side > 0 else top[::-1], side)


def _draw_iris(canvas: Canvas, face: Face, opening: Image.Image, x: float, lid: Points) -> None:
    mood, look = face.mood, face.look
    radius = 0.152 * mood.pupil * look.eye_size
    cx = x + mood.gaze[0] * 0.1 + face.picture.turn * 0.25
    cy = EYE_HEIGHT + 0.02 + mood.gaze[1] * 0.1 + 0.05 * (mood.lid_drop + 0.4 * abs(mood.lid_slant))
    canvas.fill(oval(cx, cy, radius, radius * 1.05), mix(look.iris, INK, 0.55), clip=opening)
    canvas.fill(oval(cx, cy + radius * 0.12, radius * 0.82, radius * 0.84), look.iris, clip=opening)
    canvas.fill(
        oval(cx, cy + radius * 0.4, radius * 0.55, radius * 0.4), mix(look.iris, WHITE, 0.32), clip=opening
    )
    canvas.fill(oval(cx, cy, radius * 0.52, radius * 0.55), (22, 14, 20), clip=opening)
    shadow = np.concatenate([lid, moved(lid[::-1], 0, 0.07)])
    canvas.fill(shadow, (70, 50, 80), alpha=0.28, clip=opening)
    glint = -face.picture.light / abs(face.picture.light) * 0.36
    canvas.fill(
        oval(cx - glint * radius, cy - radius * 0.38, radius * 0.27, radius * 0.27), WHITE, clip=opening
    )
    canvas.fill(
        oval(cx + glint * radius, cy + radius * 0.42, radius * 0.13, radius * 0.13), WHITE, clip=opening
    )


def _draw_lashes(canvas: Canvas, lid: Points, side: int) -> None:
    for place, reach in ((-2, 0.1), (-4, 0.09)):
        start = lid[place]
        tip = start + np.array([side * reach, -reach * 0.75])
        canvas.stroke(np.linspace(start, tip, 4), 0.04, INK, taper=(1.0, 0.2))


def draw_brows(canvas: Canvas, face: Face) -> None:
    """The brows, and the lines between them when they are drawn together."""
    mood, look, turn = face.mood, face.look, face.picture.turn
    colour = mix(
        look.hair, INK, 0.5 if min(look.skin) > VERY_DARK else 0.92
    )  # they must stand out from any skin
    together = 0.06 * mood.furrow
    for side in (-1, 1):
        x = side * look.eye_gap + turn
        inner = (x - side * (0.23 + together), BROW_HEIGHT - mood.brow_inner)
        middle = (
            x + side * 0.04,
            BROW_HEIGHT - 0.55 * mood.brow_outer - 0.45 * mood.brow_inner - mood.brow_arch,
        )
        outer = (x + side * 0.3, BROW_HEIGHT - mood.brow_outer + 0.03)
        line = smooth([inner, middle, outer], closed=False)
        canvas.stroke(line, look.brow_width, colour, taper=(0.85, 0.3))
    if mood.furrow > FAINT:
        deep = shade_of(look.skin, 0.5)
        foot = BROW_HEIGHT - min(mood.brow_inner, 0.1)
        for side in (-1, 1):
            x = side * 0.06 + turn * 1.1
            crease = np.array(
                [[x, foot + 0.06], [x + side * 0.015, foot - 0.02], [x + side * 0.035, foot - 0.1]]
            )
            canvas.stroke(crease, 0.035, deep, taper=(0.4, 0.3), alpha=mood.furrow)


def draw_nose(canvas: Canvas, face: Face) -> None:
    """A nose in one of three manners, turned with the head."""
    look, turn = face.look, face.picture.turn * 1.5
    size, dark, light = look.nose_size, shade_of(look.skin, 0.42), mix(look.skin, WHITE, 0.5)
    side = 1 if face.picture.light < 0 else -1
    if look.nose == "button":
        for nostril in (-1, 1):
            canvas.fill(oval(turn + nostril * 0.07 * size, 0.27, 0.035, 0.024), dark)
    elif look.nose == "curve":
        tip = [
            (turn - 0.1 * size, 0.24),
            (turn - 0.05 * size, 0.3),
            (turn + 0.05 * size, 0.3),
            (turn + 0.1 * size, 0.24),
        ]
        canvas.stroke(smooth(tip, closed=False), 0.045, dark, taper=(0.4, 0.4))
    else:
        ridge = [
            (turn + side * 0.03, -0.02),
            (turn + side * 0.12 * size, 0.23),
            (turn, 0.3),
            (turn - side * 0.07, 0.27),
        ]
        canvas.stroke(smooth(ridge, closed=False), 0.042, dark, taper=(0.1, 0.5))
    canvas.soft(oval(turn - side * 0.03, 0.14, 0.035, 0.1), light, alpha=0.6, blur=0.03)


def draw_mouth(canvas: Canvas, face: Face) -> None:
    """The mouth in the shape of the mood."""
    mood = face.mood
    if mood.mouth in ("line", "smile", "frown"):
        _draw_closed_mouth(canvas, face)
    elif mood.mouth == "round":
        _draw_round_mouth(canvas, face)
    else:
        _draw_open_mouth(canvas, face)


def _lips(face: Face) -> Colour:
    return face.look.lipstick or mix(shade_of(face.look.skin, 0.3), (206, 84, 88), 0.3)


def _draw_closed_mouth(canvas: Canvas, face: Face) -> None:
    mood, x = face.mood, face.picture.turn * 1.1
    t = np.linspace(-1, 1, 25)
    y = MOUTH_HEIGHT + mood.mouth_curve * (0.5 - t**2)
    line = np.stack([x + mood.mouth_width * t, y], axis=1)
    lips = _lips(face)
    thick = 0.15 if face.look.lipstick else 0.1
    canvas.stroke(moved(line, 0, 0.03), thick, lips, taper=(0.15, 0.15), alpha=0.9)
    canvas.stroke(line, 0.065, mix(INK, lips, 0.12), taper=(0.6, 0.6))
    below = MOUTH_HEIGHT + 0.17 + max(0.0, mood.mouth_curve) * 0.6
    canvas.soft(
        oval(x, below, mood.mouth_width * 0.5, 0.035), shade_of(face.look.skin, 0.4), alpha=0.5, blur=0.04
    )
    if mood.mouth == "smile":
        for side in (-1, 1):
            corner = x + side * (mood.mouth_width + 0.02)
            dimple = [
                (corner - side * 0.03, y[0] - 0.07),
                (corner + side * 0.03, y[0]),
                (corner, y[0] + 0.07),
            ]
            canvas.stroke(smooth(dimple, closed=False), 0.04, shade_of(face.look.skin, 0.5), taper=(0.3, 0.3))


def _draw_round_mouth(canvas: Canvas, face: Face) -> None:
    mood, x = face.mood, face.picture.turn * 1.1
    y = MOUTH_HEIGHT + 0.06
    opening = oval(x, y, mood.mouth_width, mood.mouth_open)
    canvas.fill(oval(x, y, mood.mouth_width + 0.055, mood.mouth_open + 0.055), _lips(face))
    canvas.fill(opening, INSIDE)
    inside = canvas.mask(opening)
    canvas.fill(
        oval(x, y - mood.mouth_open * 0.15, mood.mouth_width * 0.75, mood.mouth_open * 0.7),
        (66, 14, 26),
        clip=inside,
    )
    tongue = oval(x, y + mood.mouth_open * 0.95, mood.mouth_width * 0.75, mood.mouth_open * 0.45)
    canvas.fill(tongue, TONGUE, clip=inside)


def _draw_open_mouth(canvas: Canvas, face: Face) -> None:
    mood, x = face.mood, face.picture.turn * 1.1
    upper, lower = _open_lips(face)
    opening = moved(np.concatenate([upper, lower[-2:0:-1]]), x, MOUTH_HEIGHT)
    canvas.ring(opening, 0.115 if face.look.lipstick else 0.085, mix(_lips(face), INK, 0.25))
    canvas.fill(opening, INSIDE)
    inside = canvas.mask(opening)
    middle = MOUTH_HEIGHT + float(upper[:, 1].min() + lower[:, 1].max()) / 2
    reach = mood.mouth_width * 1.2
    if mood.mouth in ("bared", "tremble"):
        canvas.fill(opening, TEETH)
        bite = np.stack([upper[:, 0] + x, (upper[:, 1] + lower[:, 1]) / 2 + MOUTH_HEIGHT], axis=1)
        canvas.stroke(bite, 0.035, (120, 84, 90), clip=inside)
        for column in np.arange(-3, 4) * mood.mouth_width * 0.3:
            gap = np.array(
                [
                    [x + column, MOUTH_HEIGHT - 0.5],
                    [x + column, MOUTH_HEIGHT],
                    [x + column, MOUTH_HEIGHT + 0.5],
                ]
            )
            canvas.stroke(gap, 0.02, (170, 140, 142), clip=inside)
        return
    if mood.mouth != "sob":
        depth = 0.34 if mood.mouth == "laugh" else 0.26
        span = lower[:, 1] - upper[:, 1]
        edge = np.stack([upper[:, 0], upper[:, 1] + max(span) * depth], axis=1)
        canvas.fill(moved(np.concatenate([upper, edge[::-1]]), x, MOUTH_HEIGHT), TEETH, clip=inside)
    drop = float(lower[:, 1].max()) + MOUTH_HEIGHT
    canvas.fill(oval(x, drop, reach * 0.5, (drop - middle) * 0.62), TONGUE, clip=inside)
    if mood.mouth == "shout":
        row = np.concatenate([lower, moved(lower[::-1], 0, -0.06)])
        canvas.fill(moved(row, x, MOUTH_HEIGHT), TEETH, clip=inside)


def _open_lips(face: Face) -> tuple[Points, Points]:
    """The upper and the lower edge of an open mouth around its own centre, both from left to right."""
    mood = face.mood
    t = np.linspace(-1, 1, 29)
    round_ = np.sqrt(np.clip(1 - t**2, 0, 1))
    square = np.clip(1 - np.abs(t) ** 5, 0, 1) ** 0.5
    base = mood.mouth_curve * (0.5 - t**2)
    width, half = mood.mouth_width, mood.mouth_open
    if mood.mouth == "laugh":
        upper, lower = base * 0.75 - 0.04, base * 0.75 - 0.04 + (half * 1.05) * round_
        return np.stack([width * t, upper], axis=1), np.stack([width * t, lower], axis=1)
    if mood.mouth in ("bared", "shout"):
        upper, lower = base - half * 0.62 * square, base + half * 0.72 * square
        return np.stack([width * t * 0.92, upper], axis=1), np.stack([width * t, lower], axis=1)
    if mood.mouth == "sob":
        upper, lower = base - half * 0.45 * round_, base * 1.2 + half * 0.5 * round_
        return np.stack([width * t, upper], axis=1), np.stack([width * t, lower], axis=1)
    wave = 0.028 * np.sin(t * 9.5 + face.look.texture_seed % 7)
    if mood.mouth == "gasp":
        upper, lower = base - half * 0.75 * round_ + wave * 0.4, base * 0.6 + half * 1.05 * square + wave
        return np.stack([width * t * 0.82, upper], axis=1), np.stack([width * t, lower], axis=1)
    upper, lower = base - half * 0.55 * square + wave, base + half * 0.55 * square + wave
    return np.stack([width * t * 1.08, upper], axis=1), np.stack([width * t * 1.08, lower], axis=1)


def draw_feelings(canvas: Canvas, face: Face) -> None:
    """Tears and drops of sweat."""
    mood, look, turn = face.mood, face.look, face.picture.turn
    blue, edge = (150, 208, 246), (88, 150, 214)
    for number in range(mood.tears):
        side = 1 if (number + look.texture_seed) % 2 else -1
        _draw_drop(canvas, side * (look.eye_gap + 0.1) + turn, 0.34 + 0.12 * number, 0.085, blue, edge)
    for number in range(mood.sweat):
        side = 1 if (number + look.texture_seed) % 2 else -1
        _draw_drop(canvas, side * (0.78 - 0.07 * number) + turn * 0.5, -0.5 + 0.34 * number, 0.07, blue, edge)


def _draw_drop(canvas: Canvas, x: float, y: float, size: float, colour: Colour, edge: Colour) -> None:
    drop = smooth(
        [
            (x, y - 1.9 * size),
            (x + 0.72 * size, y - 0.2 * size),
            (x + 0.6 * size, y + 0.75 * size),
            (x, y + size),
            (x - 0.6 * size, y + 0.75 * size),
            (x - 0.72 * size, y - 0.2 * size),
        ]
    )
    canvas.fill(drop, edge)
    canvas.fill(moved(moved(drop, -x, -y) * 0.72, x, y + size * 0.04), colour)
    canvas.fill(oval(x - size * 0.2, y + size * 0.2, size * 0.16, size * 0.24), WHITE)
