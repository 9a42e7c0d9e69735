"""Draws the picture at the end of a round: a headline, and images with their old and new labels. Pure."""

import io
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 1200, 630  # what sites show of a link
EDGE, GAP = 56, 20
TOP = 176  # where the images begin
LINES = 56  # below an image, for its two labels
MOST_TILES = 12
ONE_ROW = 4  # so many images stand in one row, larger
PER_ROW = 6
FAINTEST_NAME = "\U0010ffff"  # a letter that no font has


@dataclass(frozen=True)
class Colours:
    """Red, green and blue in hexadecimal."""

    ground: str
    ink: str
    muted: str
    accent: str


LIGHT = Colours("#f6f6f4", "#1b1c1f", "#5a5e65", "#2b59d0")
DARK = Colours("#131416", "#e9e9e6", "#a3a7ae", "#8fb0ff")


@dataclass(frozen=True)
class Tile:
    """An image as its encoded bytes, and its label before and after; empty where they cannot be written."""

    content: bytes
    before: str
    after: str


def draw_card(headline: str, below: str, tiles: Sequence[Tile], *, colours: Colours = LIGHT) -> bytes:
    """A PNG of 1200 by 630 pixels; the same input gives the same bytes. At most 12 tiles are drawn."""
    card = Image.new("RGB", (WIDTH, HEIGHT), colours.ground)
    pen = ImageDraw.Draw(card)
    pen.text((EDGE, 84), headline, font=_font(56, bold=True), fill=colours.ink, anchor="ls")
    line = _fitting(below, _font(26), WIDTH - 2 * EDGE - 180)
    pen.text((EDGE, 132), line, font=_font(26), fill=colours.muted, anchor="ls")
    _brand(pen, colours)
    shown = list(tiles[:MOST_TILES])
    per_row = ONE_ROW if len(shown) <= ONE_ROW else PER_ROW
    wide = (WIDTH - 2 * EDGE - (per_row - 1) * GAP) // per_row
    rows = max(1, -(-len(shown) // per_row))
    lines = LINES if any(tile.before or tile.after for tile in shown) else 0
    most = wide if lines else round(1.25 * wide)
    high = min(most, (HEIGHT - TOP - 24) // rows - lines - 12)
    for place, tile in enumerate(shown):
        x = EDGE + place % per_row * (wide + GAP)
        y = TOP + place // per_row * (high + lines + 12)
        _tile(card, tile, x, y, wide, high, colours)
    out = io.BytesIO()
    card.save(out, "PNG")
    return out.getvalue()


def _tile(card: Image.Image, tile: Tile, x: int, y: int, wide: int, high: int, colours: Colours) -> None:
    pen = ImageDraw.Draw(card)
    with Image.open(io.BytesIO(tile.content)) as opened:
        picture = opened.convert("RGB")
    scale = max(wide / picture.width, high / picture.height)
    small = picture.width * scale > picture.width * 2  # an image of few pixels keeps its edges
    how = Image.Resampling.NEAREST if small else Image.Resampling.LANCZOS
    covering = picture.resize(
        (max(wide, round(picture.width * scale)), max(high, round(picture.height * scale))), how
    )
    left, upper = (covering.width - wide) // 2, (covering.height - high) // 2
    mask = Image.new("L", (wide, high), 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, wide - 1, high - 1), 8, fill=255)
    card.paste(covering.crop((left, upper, left + wide, upper + high)), (x, y), mask)
    if not (tile.before or tile.after):
        return
    font, strong = _font(18), _font(21, bold=True)
    before = _fitting(tile.before, font, wide)
    pen.text((x, y + high + 22), before, font=font, fill=colours.muted, anchor="ls")
    pen.line((x, y + high + 16, x + font.getlength(before), y + high + 16), fill=colours.muted, width=2)
    after = _fitting(tile.after, strong, wide)
    pen.text((x, y + high + 48), after, font=strong, fill=colours.accent, anchor="ls")


def _brand(pen: ImageDraw.ImageDraw, colours: Colours) -> None:
    """The mark and the name, at the upper right."""
    font = _font(26, bold=True)
    x, y = WIDTH - EDGE - round(font.getlength("Toploss")), 84
    pen.text((x, y), "Toploss", font=font, fill=colours.ink, anchor="ls")
    for upper, wide, high in ((0, 26, 7), (10, 17, 5), (18, 9, 5)):
        box = (x - 38, y - 22 + upper, x - 38 + wide, y - 22 + upper + high)
        pen.rounded_rectangle(box, 2, fill=colours.accent)


@cache
def _font(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """DejaVu Sans, which comes with matplotlib (fastai needs it) and has the letters of many languages.

    Where it is missing, the font in Pillow, which has the Latin letters.
    """
    found = find_spec("matplotlib")
    if found and found.origin:
        name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
        path = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf" / name
        if path.is_file():
            return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)
    return ImageFont.load_default(size)


def can_write(words: str) -> bool:
    """Whether the fonts have every letter of the words, and these stand side by side from left to right."""
    return all(map(_can_write, unicodedata.normalize("NFC", words)))


@cache
def _can_write(letter: str) -> bool:
    is_joined = unicodedata.category(letter).startswith("M")  # it stands above, below or in another one
    if is_joined or unicodedata.bidirectional(letter) in ("R", "AL", "AN"):
        return False
    fonts = (_font(18), _font(21, bold=True))
    return letter.isspace() or all(
        bytes(font.getmask(letter)) != bytes(font.getmask(FAINTEST_NAME)) for font in fonts
    )


def _fitting(words: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, wide: int) -> str:
    """The words, or as many letters of them as fit, with a sign for the rest."""
    if font.getlength(words) <= wide:
        return words
    while words and font.getlength(f"{words}…") > wide:
        words = words[:-1]
    return f"{words.rstrip()}…"
