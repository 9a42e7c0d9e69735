"""Renders one face: background, body, head, expression, then light and camera."""

import numpy as np
from PIL import Image

from app.faces.accessories import draw_earrings, draw_glasses, draw_hat, draw_scarf, scarf_opening
from app.faces.canvas import Canvas, Colour, Points, Soft, mirrored, mix, moved, oval, smooth
from app.faces.face import Face, Scene
from app.faces.features import (
    EYE_HEIGHT,
    INK,
    WHITE,
    draw_brows,
    draw_eyes,
    draw_feelings,
    draw_mouth,
    draw_nose,
    shade_of,
)
from app.faces.hair import beard_shadow, draw_beard, draw_hair_behind, draw_hair_front

NIGHT: Colour = (20, 16, 40)


def render_face(face: Face, size: int) -> Image.Image:
    """The face as a square picture of `size` pixels, mode RGB, or L for a grey one."""
    picture, look = face.picture, face.look
    canvas = Canvas(size, unit=picture.unit, rotation=picture.rotation, shift=picture.shift)
    draw_background(canvas, picture, look.texture_seed)
    scarf = look.hat == "scarf"
    if not scarf:
        draw_hair_behind(canvas, face)
    _draw_body(canvas, face)
    if scarf:
        draw_scarf(canvas, face)
        head = _draw_head(canvas, face, scarf_opening())
    else:
        _draw_ears(canvas, face)
        head = _draw_head(canvas, face, head_outline(face))
    draw_beard(canvas, face)
    draw_nose(canvas, face)
    draw_mouth(canvas, face)
    draw_eyes(canvas, face)
    if not scarf:
        draw_hair_front(canvas, face, head)
        draw_hat(canvas, face, head)
    draw_glasses(canvas, face)
    draw_brows(canvas, face)
    draw_feelings(canvas, face)
    return photograph(canvas.finished(), picture, look.texture_seed)


def head_outline(face: Face) -> Points:
    """The outline of the head, about 2 wide and 2.3 high."""
    look = face.look
    jaw, chin, length = look.jaw, look.chin, look.length
    half = [
        (0.0, -1.16),
        (0.56, -1.05),
        (0.9, -0.68),
        (1.0, -0.15),
        (0.97 * (0.5 + 0.5 * jaw), 0.3),
        (0.79 * jaw, 0.74 * length),
        (0.36 * chin, 1.08 * length),
        (0.0, 1.16 * length),
    ]
    return smooth(mirrored(half))


def draw_background(canvas: Canvas, picture: Scene, seed: int) -> None:
    """A gradient with a quiet pattern, over the whole picture whatever the pose."""
    top, bottom = picture.background
    t = np.linspace(0, 1, 32)
    slope = 0.5 + 0.5 * picture.light * 0.5
    share = np.clip(t[:, None] * slope + t[None, :] * (1 - slope), 0, 1)[..., None]
    small = (np.array(top) * (1 - share) + np.array(bottom) * share).astype(np.uint8)
    canvas.image.paste(Image.fromarray(small).resize((canvas.side, canvas.side), Image.Resampling.BILINEAR))
    rng = np.random.default_rng(seed + 2)
    light = mix(top, WHITE, 0.35)
    if picture.pattern == "disc":
        canvas.fill(oval(0, 0, 1.42, 1.42, steps=60), light, alpha=0.5)
    elif picture.pattern == "rays":
        rays = []
        for angle in np.linspace(0, 2 * np.pi, 12, endpoint=False):
            ends = [(4 * np.cos(angle + d), 4 * np.sin(angle + d)) for d in (-0.13, 0.13)]
            rays.append(np.array([(0.0, 0.0), *ends]))
        canvas.wash(rays, light, alpha=0.32)
    elif picture.pattern == "dots":
        dot, places = oval(0, 0, 0.08, 0.08, steps=10), np.arange(-2, 2, 0.5).tolist()
        canvas.wash([moved(dot, x, y) for x in places for y in places], light, alpha=0.45)
    elif picture.pattern == "hills":
        for level in (0.2, 0.7):
            hill = smooth(
                [
                    (-3, level),
                    (-1, level - 0.4),
                    (0.6, level + 0.1),
                    (2, level - 0.5),
                    (3, level),
                    (3, 4),
                    (-3, 4),
                ]
            )
            canvas.fill(hill, mix(bottom, (40, 50, 90), 0.25), alpha=0.4)
    elif picture.pattern == "blobs":
        for _ in range(4):
            x, y, radius = rng.uniform(-1.6, 1.6), rng.uniform(-1.7, 1.5), rng.uniform(0.25, 0.6)
            canvas.soft(oval(float(x), float(y), float(radius), float(radius)), light, alpha=0.45, blur=0.1)


def _draw_body(canvas: Canvas, face: Face) -> None:
    look = face.look
    neck = smooth([(-0.44, 0.5), (0.44, 0.5), (0.42, 1.0), (0.5, 1.45), (0, 1.6), (-0.5, 1.45), (-0.42, 1.0)])
    half = [(0.0, 1.26), (0.44, 1.14), (1.1, 1.36), (1.52, 1.8), (1.75, 3.3)]
    shoulders = smooth(mirrored(half))
    cloth = canvas.mask(shoulders)
    side = 1 if face.picture.light > 0 else -1
    canvas.shade(cloth, look.clothes, [Soft(oval(-side * 1.3, 1.8, 0.7, 0.8), NIGHT, 0.3, 0.2)])
    if look.collar == "stripes":
        for y in (1.44, 1.7, 1.96):
            stripe = smooth([(-1.7, y + 0.1), (0, y), (1.7, y + 0.1)], closed=False)
            canvas.stroke(stripe, 0.1, mix(look.clothes, WHITE, 0.55), clip=cloth)
    under_chin = Soft(oval(0, 1.08, 0.62, 0.24), shade_of(look.skin, 0.55), 0.75, 0.09)
    canvas.shade(canvas.mask(neck), look.skin, [under_chin])
    _draw_collar(canvas, face)


def _draw_collar(canvas: Canvas, face: Face) -> None:
    look = face.look
    deep = mix(look.clothes, NIGHT, 0.28)
    if look.collar == "turtle":
        canvas.fill(smooth([(-0.5, 1.1), (0, 1.2), (0.5, 1.1), (0.58, 1.5), (0, 1.64), (-0.58, 1.5)]), deep)
    elif look.collar == "shirt":
        canvas.fill(np.array([(-0.5, 1.2), (0.5, 1.2), (0.55, 1.5), (0, 1.7), (-0.55, 1.5)]), deep)
        canvas.fill(np.array([(-0.3, 1.1), (0.3, 1.1), (0, 1.5)]), shade_of(look.skin, 0.3))
        for flap in (-1, 1):
            tip = [(flap * 0.43, 1.08), (flap * 0.78, 1.3), (flap * 0.42, 1.74), (0, 1.44)]
            canvas.fill(np.array(tip), mix(look.clothes, WHITE, 0.4))
    elif look.collar == "hood":
        hood = smooth([(-0.66, 1.1), (-0.56, 1.42), (0, 1.62), (0.56, 1.42), (0.66, 1.1)], closed=False)
        canvas.stroke(hood, 0.26, mix(look.clothes, NIGHT, 0.16))
        canvas.stroke(moved(hood, 0, -0.09), 0.06, deep)
    elif look.collar == "vee":
        canvas.fill(np.array([(-0.44, 1.14), (0.44, 1.14), (0, 1.86)]), look.skin)
        for flap in (-1, 1):
            canvas.stroke(np.linspace((flap * 0.45, 1.13), (0, 1.86), 5), 0.11, deep)
    else:
        canvas.stroke(
            smooth([(-0.47, 1.12), (-0.36, 1.44), (0, 1.6), (0.36, 1.44), (0.47, 1.12)], closed=False),
            0.12,
            deep,
        )


def _draw_ears(canvas: Canvas, face: Face) -> None:
    look = face.look
    for side in (-1, 1):
        canvas.fill(
            oval(side * 1.0, 0.1, 0.16, 0.24, tilt=-side * 0.15),
            mix(look.skin, shade_of(look.skin, 0.3), 0.4),
        )
        canvas.fill(oval(side * 1.03, 0.11, 0.07, 0.13, tilt=-side * 0.15), shade_of(look.skin, 0.3))
    if look.earrings:
        draw_earrings(canvas)


def _draw_head(canvas: Canvas, face: Face, outline: Points) -> Image.Image:
    """The head with its shading; returns its mask to clip with."""
    look, mood, turn = face.look, face.mood, face.picture.turn
    if look.outline:
        canvas.ring(outline, look.outline * 2, mix(shade_of(look.skin, 0.8), INK, 0.4))
    head = canvas.mask(outline)
    side = 1 if face.picture.light > 0 else -1
    strength = abs(face.picture.light)
    dark = shade_of(look.skin, 0.2 + 0.2 * min(look.skin) / 200)  # dark skin keeps its brows readable
    softs = [
        Soft(oval(-side * 1.12, 0.15, 0.5, 1.35), dark, 0.7 * strength, 0.18),
        Soft(oval(0, 1.3, 0.8, 0.3), dark, 0.5, 0.14),
        Soft(oval(side * 0.42, -0.55, 0.4, 0.3), mix(look.skin, WHITE, 0.55), 0.5, 0.2),
    ]
    cheeks = mix(look.skin, (236, 84, 84), 0.55)
    for cheek in (-1, 1):
        softs.append(Soft(oval(cheek * 0.6 + turn, 0.33, 0.2, 0.14), cheeks, 0.22 + 0.6 * mood.blush, 0.09))
        socket = oval(cheek * look.eye_gap + turn, EYE_HEIGHT - 0.02, 0.3, 0.31)
        softs.append(Soft(socket, shade_of(look.skin, 0.4), 0.34, 0.07))
    if mood.tint is not None:
        colour, share = mood.tint
        softs.append(Soft(oval(0, -0.5, 1.0, 0.75), colour, 1.6 * share, 0.3))
    nose = oval(turn * 1.5, 0.24, 0.13 * look.nose_size, 0.1 * look.nose_size)
    canvas.shade(
        head, look.skin, [*softs, Soft(nose, shade_of(look.skin, 0.3), 0.55, 0.06), *beard_shadow(face)]
    )
    if look.freckles:
        rng = np.random.default_rng(look.texture_seed + 3)
        for cheek in (-1, 1):
            for dx, dy in rng.uniform((-0.2, -0.08), (0.2, 0.1), (7, 2)):
                spot = oval(cheek * 0.52 + turn + float(dx), 0.28 + float(dy), 0.022, 0.022, steps=8)
                canvas.fill(spot, shade_of(look.skin, 0.5), alpha=0.65)
    return head


def photograph(image: Image.Image, picture: Scene, seed: int) -> Image.Image:
    """Light from one side, a vignette, exposure, colour cast and grain; mode L for a grey picture."""
    pixels = np.asarray(image, dtype=np.float32)
    size = pixels.shape[0]
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    across, down = axis[None, :], axis[:, None]
    radius = across**2 + down**2
    light = 1.03 + np.float32(0.06 * picture.light) * across - 0.03 * down - 0.035 * radius * radius**0.5
    cast = np.array([1 + picture.warmth, 1.0, 1 - picture.warmth], dtype=np.float32)
    pixels = (pixels - 128) * np.float32(picture.contrast) + 128
    pixels = pixels * (light[..., None] * np.float32(picture.brightness) * cast)
    if picture.noise:
        grain = np.random.default_rng(seed + 4).standard_normal((size, size), dtype=np.float32)
        pixels += grain[..., None] * np.float32(picture.noise)
    done = Image.fromarray(np.clip(pixels + 0.5, 0, 255).astype(np.uint8))
    return done.convert("L") if picture.grey else done
