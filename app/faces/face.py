"""What a drawn face looks like: who it is, what it feels, and how the picture was taken."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

from app.faces import palette
from app.faces.canvas import Colour, mix

EXPRESSIONS = ("angry", "fear", "happy", "neutral", "sad", "surprise")

Mouth = Literal["line", "smile", "laugh", "round", "tremble", "gasp", "bared", "shout", "frown", "sob"]

T = TypeVar("T")


@dataclass(frozen=True)
class Mood:
    """The expression: lengths in face units, raised is positive."""

    brow_inner: float  # how far each end of the brow is raised
    brow_outer: float
    brow_arch: float
    eye_open: float  # 1 is an eye at rest
    lid_slant: float  # positive: the upper lid falls towards the nose; negative: away from it
    lid_drop: float  # share of the eye that the upper lid covers
    cheek_push: float  # share of the eye that the lower lid covers
    eyes_shut: bool
    pupil: float  # 1 is an iris at rest
    gaze: tuple[float, float]
    mouth: Mouth
    mouth_width: float
    mouth_curve: float  # positive: the corners go up
    mouth_open: float
    furrow: float = 0.0  # lines and shadows between the brows, 0 to 1
    tint: tuple[Colour, float] | None = None  # a flush or a pallor, and how strong
    tears: int = 0
    sweat: int = 0
    blush: float = 0.0


@dataclass(frozen=True)
class Appearance:
    """The person, in face units where it is a length."""

    skin: Colour
    hair: Colour
    style: str
    hat: str | None
    hat_colour: Colour
    glasses: str | None
    beard: str | None
    earrings: bool
    lashes: bool
    freckles: bool
    lipstick: Colour | None
    iris: Colour
    clothes: Colour
    collar: str
    jaw: float
    chin: float
    length: float
    eye_size: float
    eye_gap: float
    nose: str
    nose_size: float
    brow_width: float
    outline: float
    mirrored: bool
    texture_seed: int


@dataclass(frozen=True)
class Scene:
    """Pose, background, light and camera."""

    rotation: float  # radians
    shift: tuple[float, float]
    unit: float
    turn: float  # how far the head looks to the side
    background: tuple[Colour, Colour]
    pattern: str | None
    light: float  # -1 from the left, 1 from the right
    warmth: float
    brightness: float
    contrast: float
    noise: float  # standard deviation, of 255
    grey: bool


@dataclass(frozen=True)
class Face:
    """All that decides one picture, but for its size."""

    expression: str
    mood: Mood
    look: Appearance
    picture: Scene


def pick(rng: np.random.Generator, options: Sequence[T], weights: Sequence[float] | None = None) -> T:
    """One of the options by chance; the weights need not sum to one."""
    if weights is None:
        return options[int(rng.integers(len(options)))]
    shares = np.cumsum(weights) / np.sum(weights)
    return options[int(np.searchsorted(shares, rng.random(), side="right"))]


def draw_face(rng: np.random.Generator, expression: str) -> Face:
    """A person, a pose and an expression of any strength. KeyError for an expression not in EXPRESSIONS."""
    mood = _MOODS[expression](rng, float(rng.uniform(0.55, 1.0)))
    return Face(expression, mood, _draw_look(rng), draw_picture(rng))


def _chance(rng: np.random.Generator, probability: float) -> bool:
    return bool(rng.random() < probability)


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    return float(rng.uniform(low, high))


def _happy(rng: np.random.Generator, t: float) -> Mood:
    laughing = _chance(rng, 0.2 + 0.6 * t)
    shut = laughing and _chance(rng, 0.35)
    return Mood(
        brow_inner=0.04 + 0.05 * t,
        brow_outer=0.02,
        brow_arch=0.06 + 0.06 * t,
        eye_open=0.95,
        lid_slant=0.0,
        lid_drop=0.04,
        cheek_push=0.2 + 0.25 * t,
        eyes_shut=shut,
        pupil=1.05,
        gaze=_gaze(rng),
        mouth="laugh" if laughing else "smile",
        mouth_width=0.34 + 0.1 * t,
        mouth_curve=0.15 + 0.11 * t,
        mouth_open=0.18 + 0.16 * t,
        blush=_between(rng, 0.2, 0.6),
        tears=int(shut and _chance(rng, 0.15)),
    )


def _sad(rng: np.random.Generator, t: float) -> Mood:
    sobbing = _chance(rng, 0.3 * t)
    return Mood(
        brow_inner=0.12 + 0.1 * t,
        brow_outer=-0.06 - 0.09 * t,
        brow_arch=-0.01,
        eye_open=0.86,
        lid_slant=-0.3 - 0.35 * t,
        lid_drop=0.18 + 0.14 * t,
        cheek_push=0.0,
        eyes_shut=False,
        pupil=1.1,
        gaze=(_between(rng, -0.3, 0.3), _between(rng, 0.25, 0.55)),
        mouth="sob" if sobbing else "frown",
        mouth_width=0.26 + 0.06 * t,
        mouth_curve=-0.12 - 0.07 * t,
        mouth_open=0.14 + 0.07 * t,
        furrow=0.25 * t,
        tears=int(rng.integers(1, 3)) if _chance(rng, 0.25 + 0.3 * t) else 0,
        tint=((110, 130, 200), 0.05 * t),
    )


def _angry(rng: np.random.Generator, t: float) -> Mood:
    return Mood(
        brow_inner=-0.13 - 0.08 * t,
        brow_outer=0.05 + 0.08 * t,
        brow_arch=0.02,
        eye_open=0.95,
        lid_slant=0.45 + 0.4 * t,
        lid_drop=0.22 + 0.1 * t,
        cheek_push=0.14,
        eyes_shut=False,
        pupil=0.85,
        gaze=(_between(rng, -0.2, 0.2), 0.0),
        mouth=pick(rng, ("frown", "bared", "shout"), (0.35, 0.4, 0.25)),
        mouth_width=0.3 + 0.07 * t,
        mouth_curve=-0.1 - 0.05 * t,
        mouth_open=0.15 + 0.09 * t,
        furrow=0.6 + 0.4 * t,
        tint=((214, 60, 40), _between(rng, 0.04, 0.2) * t),
    )


def _fear(rng: np.random.Generator, t: float) -> Mood:
    return Mood(
        brow_inner=0.2 + 0.1 * t,
        brow_outer=0.0,
        brow_arch=0.03,
        eye_open=1.18 + 0.16 * t,
        lid_slant=-0.12,
        lid_drop=0.0,
        cheek_push=0.0,
        eyes_shut=False,
        pupil=0.62 - 0.12 * t,
        gaze=(_between(rng, -0.5, 0.5), _between(rng, -0.1, 0.2)),
        mouth=pick(rng, ("tremble", "gasp"), (0.6, 0.4)),
        mouth_width=0.31 + 0.07 * t,
        mouth_curve=-0.07 - 0.04 * t,
        mouth_open=0.14 + 0.08 * t,
        furrow=0.3 * t,
        sweat=int(rng.integers(1, 4)) if _chance(rng, 0.5) else 0,
        tint=((150, 175, 225), 0.1 + 0.14 * t),
    )


def _surprise(rng: np.random.Generator, t: float) -> Mood:
    return Mood(
        brow_inner=0.18 + 0.1 * t,
        brow_outer=0.12 + 0.08 * t,
        brow_arch=0.12 + 0.06 * t,
        eye_open=1.18 + 0.17 * t,
        lid_slant=0.0,
        lid_drop=0.0,
        cheek_push=0.0,
        eyes_shut=False,
        pupil=0.95,
        gaze=(_between(rng, -0.2, 0.2), _between(rng, -0.2, 0.1)),
        mouth="round",
        mouth_width=0.16 + 0.06 * t,
        mouth_curve=0.0,
        mouth_open=0.21 + 0.14 * t,
        blush=_between(rng, 0.0, 0.3),
    )


def _neutral(rng: np.random.Generator, t: float) -> Mood:
    return Mood(
        brow_inner=_between(rng, -0.02, 0.03),
        brow_outer=_between(rng, -0.02, 0.03),
        brow_arch=0.02 + 0.04 * t,
        eye_open=_between(rng, 0.85, 0.98),
        lid_slant=0.0,
        lid_drop=_between(rng, 0.08, 0.22),
        cheek_push=0.03,
        eyes_shut=False,
        pupil=1.0,
        gaze=_gaze(rng),
        mouth="line",
        mouth_width=_between(rng, 0.25, 0.33),
        mouth_curve=_between(rng, -0.012, 0.022),
        mouth_open=0.0,
        blush=_between(rng, 0.0, 0.25),
    )


def _gaze(rng: np.random.Generator) -> tuple[float, float]:
    return _between(rng, -0.35, 0.35), _between(rng, -0.15, 0.15)


_MOODS: dict[str, Callable[[np.random.Generator, float], Mood]] = {
    "angry": _angry,
    "fear": _fear,
    "happy": _happy,
    "neutral": _neutral,
    "sad": _sad,
    "surprise": _surprise,
}


def _draw_look(rng: np.random.Generator) -> Appearance:
    """A person by chance; the face may be read as any gender, so nothing but a beard excludes anything."""
    skin = pick(rng, palette.SKINS) if _chance(rng, 0.94) else pick(rng, palette.FANCY_SKINS)
    hair = _draw_hair_colour(rng, skin)
    style = pick(rng, palette.STYLES, palette.STYLE_WEIGHTS)
    bearded = style not in palette.LONG_STYLES and _chance(rng, 0.45)
    hats = palette.HATS if style != "bald" else palette.HATS[:4]  # a band needs hair
    hat = pick(rng, hats) if style not in palette.TALL_STYLES and _chance(rng, 0.22) else None
    bearded = bearded and hat != "scarf"
    return Appearance(
        skin=skin,
        hair=hair,
        style=style,
        hat=hat,
        hat_colour=pick(rng, palette.CLOTHES),
        glasses=pick(rng, palette.GLASSES) if _chance(rng, 0.24) else None,
        beard=pick(rng, palette.BEARDS) if bearded else None,
        earrings=not bearded and _chance(rng, 0.22),
        lashes=not bearded and _chance(rng, 0.6 if style in palette.LONG_STYLES else 0.2),
        freckles=_chance(rng, 0.12),
        lipstick=_lipstick(rng, skin) if not bearded and _chance(rng, 0.4) else None,
        iris=pick(rng, palette.IRISES),
        clothes=pick(rng, palette.CLOTHES),
        collar=pick(rng, palette.COLLARS),
        jaw=_between(rng, 0.9, 1.1),
        chin=_between(rng, 0.75, 1.3),
        length=_between(rng, 0.96, 1.06),
        eye_size=_between(rng, 0.93, 1.12),
        eye_gap=_between(rng, 0.39, 0.45),
        nose=pick(rng, palette.NOSES),
        nose_size=_between(rng, 0.85, 1.25),
        brow_width=_between(rng, 0.1, 0.15),
        outline=_between(rng, 0.03, 0.05) if _chance(rng, 0.25) else 0.0,
        mirrored=_chance(rng, 0.5),
        texture_seed=int(rng.integers(2**31)),
    )


def _draw_hair_colour(rng: np.random.Generator, skin: Colour) -> Colour:
    if _chance(rng, 0.09):
        return pick(rng, palette.FANCY_HAIRS)
    if min(skin) < palette.DARK_SKIN and _chance(rng, 0.85):
        return pick(rng, palette.DARK_HAIRS)
    return pick(rng, palette.HAIRS, palette.HAIR_WEIGHTS)


def _lipstick(rng: np.random.Generator, skin: Colour) -> Colour:
    return mix(skin, pick(rng, palette.LIPSTICKS), 0.75)


def draw_picture(rng: np.random.Generator) -> Scene:
    """Pose, background, light and camera by chance."""
    return Scene(
        rotation=float(np.clip(rng.normal(0, 0.09), -0.24, 0.24)),
        shift=(_between(rng, -0.14, 0.14), _between(rng, -0.03, 0.13)),
        unit=_between(rng, 0.272, 0.33),
        turn=float(np.clip(rng.normal(0, 0.07), -0.15, 0.15)),
        background=pick(rng, palette.BACKGROUNDS),
        pattern=pick(rng, palette.PATTERNS, palette.PATTERN_WEIGHTS),
        light=pick(rng, (-1.0, 1.0)) * _between(rng, 0.4, 1.0),
        warmth=_between(rng, -0.035, 0.045),
        brightness=_between(rng, 0.88, 1.08),
        contrast=_between(rng, 0.9, 1.1),
        noise=_between(rng, 0.3, 0.8) if _chance(rng, 0.5) else 0.0,
        grey=_chance(rng, 0.07),
    )
