"""Hair and beards. Brows are drawn after it, so no fringe hides an expression."""

import numpy as np
from PIL import Image

from app.faces.canvas import Canvas, Colour, Points, Soft, mirrored, mix, moved, oval, smooth
from app.faces.face import Face

LIGHT: Colour = (255, 240, 220)
DARK: Colour = (24, 14, 26)

# Where the hair meets the face, from the right ear over the forehead to the left ear.
HAIRLINES: dict[str, list[tuple[float, float]]] = {
    "buzz": [
        (0.98, -0.05),
        (0.9, -0.5),
        (0.6, -0.76),
        (0, -0.82),
        (-0.6, -0.76),
        (-0.9, -0.5),
        (-0.98, -0.05),
    ],
    "parted": [
        (1.0, 0.12),
        (0.92, -0.4),
        (0.74, -0.66),
        (0.1, -0.68),
        (-0.42, -0.98),
        (-0.7, -0.8),
        (-0.92, -0.4),
        (-1.0, 0.12),
    ],
    "quiff": [
        (0.99, 0.05),
        (0.9, -0.5),
        (0.62, -0.8),
        (0, -0.86),
        (-0.62, -0.82),
        (-0.9, -0.5),
        (-0.99, 0.05),
    ],
    "fringe": [
        (1.0, 0.3),
        (0.9, -0.3),
        (0.72, -0.64),
        (0.3, -0.7),
        (0, -0.72),
        (-0.3, -0.7),
        (-0.72, -0.64),
        (-0.9, -0.3),
        (-1.0, 0.3),
    ],
    "pixie": [
        (1.0, 0.2),
        (0.93, -0.25),
        (0.8, -0.55),
        (0.4, -0.76),
        (0.0, -0.7),
        (-0.4, -0.8),
        (-0.75, -0.92),
        (-0.93, -0.35),
        (-1.0, 0.1),
    ],
    "middle": [
        (1.02, 0.5),
        (0.95, -0.1),
        (0.8, -0.5),
        (0.45, -0.82),
        (0, -1.08),
        (-0.45, -0.82),
        (-0.8, -0.5),
        (-0.95, -0.1),
        (-1.02, 0.5),
    ],
    "slick": [
        (0.99, -0.02),
        (0.9, -0.5),
        (0.6, -0.84),
        (0, -0.94),
        (-0.6, -0.84),
        (-0.9, -0.5),
        (-0.99, -0.02),
    ],
}

FRONTS = {
    "buzz": ("buzz", 0.04),
    "parted": ("parted", 0.15),
    "quiff": ("quiff", 0.13),
    "spiky": ("quiff", 0.1),
    "curly": ("buzz", 0.12),
    "afro": ("buzz", 0.14),
    "bob": ("fringe", 0.17),
    "long": ("middle", 0.13),
    "wavy": ("parted", 0.17),
    "bun": ("slick", 0.1),
    "ponytail": ("slick", 0.1),
    "pigtails": ("middle", 0.12),
    "pixie": ("pixie", 0.15),
    "mohawk": ("buzz", 0.02),
}

# The right half of the hair that falls behind the head, from the top to the bottom.
CURTAINS: dict[str, list[tuple[float, float]]] = {
    "bob": [(0, -1.3), (0.8, -1.1), (1.14, -0.4), (1.16, 0.4), (1.06, 0.86), (0.6, 0.95)],
    "long": [(0, -1.28), (0.8, -1.08), (1.12, -0.3), (1.14, 0.6), (1.2, 1.5), (0.9, 1.85)],
    "bun": [(0, -1.62), (0.26, -1.54), (0.37, -1.32), (0.26, -1.1), (0, -1.02)],
}
TAILS: dict[str, list[tuple[float, float]]] = {
    "ponytail": [
        (0.6, -1.0),
        (1.15, -0.9),
        (1.42, -0.3),
        (1.3, 0.4),
        (1.38, 0.9),
        (1.08, 0.6),
        (1.02, 0.0),
        (0.9, -0.5),
    ],
    "pigtails": [
        (0.9, -0.15),
        (1.25, -0.2),
        (1.42, 0.2),
        (1.34, 0.75),
        (1.15, 1.05),
        (1.06, 0.7),
        (1.0, 0.2),
    ],
}


def draw_hair_behind(canvas: Canvas, face: Face) -> None:
    """The hair that the head and the neck cover."""
    look = face.look
    dark = mix(look.hair, DARK, 0.3)
    for shape in _shapes_behind(face):
        canvas.fill(shape, dark)
    if look.style == "bun":
        canvas.fill(oval(0.0, -1.36, 0.29, 0.22), look.hair)
        canvas.soft(oval(-0.08, -1.44, 0.14, 0.08), mix(look.hair, LIGHT, 0.5), alpha=0.5, blur=0.05)
    elif look.style == "pigtails":
        for side in (-1, 1):
            canvas.fill(oval(side * 1.08, -0.06, 0.12, 0.13), look.hat_colour)


def _shapes_behind(face: Face) -> list[Points]:
    style = face.look.style
    if style in ("wavy", "afro"):
        return _curls_behind(style, face.look.texture_seed)
    if style in CURTAINS:
        return [smooth(mirrored(CURTAINS[style]))]
    sides = {"pigtails": (-1, 1), "ponytail": (-1,) if face.look.mirrored else (1,)}.get(style, ())
    return [smooth([(side * x, y) for x, y in TAILS[style]]) for side in sides]


def _curls_behind(style: str, seed: int) -> list[Points]:
    if style == "wavy":
        rows = enumerate(np.arange(-0.5, 1.7, 0.3).tolist())
        locks = [(0.08 * (number % 2), y) for number, y in rows]
        return [
            oval(0, -0.1, 1.12, 1.2),
            *(oval(side * (1.02 + out), y, 0.3, 0.28) for side in (-1, 1) for out, y in locks),
        ]
    rng = np.random.default_rng(seed)
    angles = np.linspace(0.75 * np.pi, 2.25 * np.pi, 15)
    return [
        oval(1.12 * np.cos(angle), -0.3 + 1.05 * np.sin(angle), 0.34 + 0.05 * rng.random(), 0.34)
        for angle in angles
    ]


def draw_hair_front(canvas: Canvas, face: Face, head: Image.Image) -> None:
    """The hair on the forehead and around it, with a shadow below and a shine on top."""
    look = face.look
    if look.style == "bald":
        return
    shapes = _front_shapes(face)
    if look.style == "mohawk":
        canvas.fill(shapes[0], look.hair, alpha=0.35)
    elif look.style != "buzz":
        canvas.soft(
            moved(shapes[0], 0, 0.07), mix(look.skin, (70, 20, 40), 0.6), alpha=0.3, blur=0.05, clip=head
        )
    hair = canvas.mask(*shapes[-1:] if look.style == "mohawk" else shapes)
    side = 1 if face.picture.light > 0 else -1
    shine = oval(side * 0.36, -1.08, 0.4, 0.13, tilt=side * 0.35)
    softs = [
        Soft(oval(-side * 0.75, -0.55, 0.4, 0.7), DARK, 0.28, 0.16),
        Soft(shine, mix(look.hair, LIGHT, 0.6), 0.5, 0.07),
    ]
    canvas.shade(hair.point(lambda value: value * 0.84) if look.style == "buzz" else hair, look.hair, softs)
    if look.style in ("parted", "long", "bob", "pixie", "bun", "ponytail", "quiff", "wavy", "pigtails"):
        _draw_strands(canvas, face, hair)


def _front_shapes(face: Face) -> list[Points]:
    look = face.look
    flip = np.array([-1.0 if look.mirrored else 1.0, 1.0])
    if look.style == "receding":
        patch = [(1.05, -0.05), (1.1, -0.5), (0.86, -0.95), (0.72, -0.86), (0.84, -0.5), (0.94, -0.05)]
        return [smooth([(side * x, y) for x, y in patch]) for side in (-1, 1)]
    line, volume = FRONTS[look.style]
    shapes = [_cap(HAIRLINES[line], volume) * flip]
    rng = np.random.default_rng(look.texture_seed)
    if look.style == "quiff":
        crest = [
            (-0.98, -0.66),
            (-1.03, -1.05),
            (-0.72, -1.3),
            (-0.2, -1.42),
            (0.4, -1.56),
            (0.86, -1.44),
            (1.0, -1.12),
            (0.96, -0.7),
            (0.7, -0.86),
            (0.1, -0.8),
            (-0.5, -0.86),
        ]
        shapes.append(smooth(crest) * flip)
    elif look.style == "spiky":
        for x in np.linspace(-0.82, 0.82, 6):
            base = -1.12 + 0.42 * x * x
            tip = x * 1.15 + 0.24, base - 0.26 - 0.1 * rng.random()
            spike = [
                (x - 0.3, base + 0.12),
                (x - 0.1, base - 0.12),
                tip,
                (x + 0.26, base - 0.04),
                (x + 0.34, base + 0.12),
            ]
            shapes.append(np.array(spike) * flip)
    elif look.style == "mohawk":
        shapes.append(
            smooth(
                [
                    (-0.2, -0.8),
                    (-0.27, -1.3),
                    (-0.1, -1.6),
                    (0.1, -1.6),
                    (0.27, -1.3),
                    (0.2, -0.8),
                    (0, -0.72),
                ]
            )
        )
    elif look.style == "curly":
        for angle in np.linspace(1.03 * np.pi, 1.97 * np.pi, 11):
            x, y = 0.97 * np.cos(angle), -0.2 + 0.98 * np.sin(angle)
            shapes.append(oval(float(x), float(y), 0.23 + 0.06 * rng.random(), 0.22 + 0.05 * rng.random()))
    elif look.style == "afro":
        angles = np.linspace(1.1 * np.pi, 1.9 * np.pi, 8)
        shapes += [oval(0.95 * np.cos(angle), -0.3 + 0.88 * np.sin(angle), 0.26, 0.24) for angle in angles]
    return shapes


def _cap(hairline: list[tuple[float, float]], volume: float) -> Points:
    angle = np.linspace(np.pi, 2 * np.pi, 15)
    outer = np.stack([(1.01 + 0.6 * volume) * np.cos(angle), -0.12 + (1.05 + volume) * np.sin(angle)], axis=1)
    right, left = hairline[0], hairline[-1]
    ends = (
        np.array([(left[0] - 0.6 * volume - 0.02, left[1])]),
        np.array([(right[0] + 0.6 * volume + 0.02, right[1])]),
    )
    return np.concatenate([ends[0], outer, ends[1], smooth(hairline, closed=False)])


def _draw_strands(canvas: Canvas, face: Face, hair: Image.Image) -> None:
    look = face.look
    rng = np.random.default_rng(look.texture_seed + 1)
    for number in range(5):
        x = -0.75 + 0.37 * number + 0.1 * rng.random()
        bend = 0.25 * (x + (0.3 if look.mirrored else -0.3))
        line = smooth([(x * 0.6, -1.4), (x * 0.95 + bend * 0.4, -1.0), (x * 1.2 + bend, -0.55)], closed=False)
        colour = mix(look.hair, DARK if number % 2 else LIGHT, 0.3)
        canvas.stroke(line, 0.035, colour, taper=(0.2, 0.2), alpha=0.6, clip=hair)


def beard_shadow(face: Face) -> list[Soft]:
    """The shadow of a stubbly beard, as part of the skin; empty without one."""
    if face.look.beard != "stubble":
        return []
    jaw = [
        (1.1, 0.2),
        (0.84, 0.36),
        (0.5, 0.4),
        (0, 0.38),
        (-0.5, 0.4),
        (-0.84, 0.36),
        (-1.1, 0.2),
        (-0.9, 1.3),
        (0.9, 1.3),
    ]
    return [Soft(smooth(jaw), mix(face.look.skin, mix(face.look.hair, DARK, 0.12), 0.6), 0.36, 0.07)]


def draw_beard(canvas: Canvas, face: Face) -> None:
    """A beard below the mouth, which is drawn after it."""
    look, x = face.look, face.picture.turn
    if look.beard in (None, "stubble"):
        return
    colour = mix(look.hair, DARK, 0.12)
    if look.beard == "full":
        jaw = [
            (1.04, 0.0),
            (0.9, 0.22),
            (0.7, 0.42),
            (0.36, 0.4),
            (0.0, 0.38),
            (-0.36, 0.4),
            (-0.7, 0.42),
            (-0.9, 0.22),
            (-1.04, 0.0),
            (-1.0, 0.6),
            (-0.72, 1.06),
            (-0.3, 1.32),
            (0.3, 1.32),
            (0.72, 1.06),
            (1.0, 0.6),
        ]
        shape = moved(smooth(jaw) * np.array((look.jaw * 0.5 + 0.5, 1)), x * 0.4, 0)
        canvas.shade(canvas.mask(shape), colour, [Soft(oval(x, 1.3, 0.6, 0.22), DARK, 0.35, 0.12)])
    if look.beard == "goatee":
        canvas.fill(
            smooth(
                [(x - 0.3, 0.84), (x, 0.8), (x + 0.3, 0.84), (x + 0.26, 1.18), (x, 1.3), (x - 0.26, 1.18)]
            ),
            colour,
        )
    tache = [
        (x, 0.36),
        (x + 0.2, 0.36),
        (x + 0.4, 0.46),
        (x + 0.44, 0.54),
        (x + 0.2, 0.49),
        (x, 0.46),
        (x - 0.2, 0.49),
        (x - 0.44, 0.54),
        (x - 0.4, 0.46),
        (x - 0.2, 0.36),
    ]
    canvas.fill(smooth(tache), colour)
