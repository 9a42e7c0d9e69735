"""The picture of what was fixed: nothing leaves its place, whatever the images and names are."""

import io

import numpy as np
import pytest
from PIL import Image

from app.web.pages.rounds.card_drawing import HEIGHT, LIGHT, WIDTH, Tile, can_write, draw_card


def tile(width: int, height: int, before: str = "cat", after: str = "dog", mode: str = "RGB") -> Tile:
    out = io.BytesIO()
    Image.new(mode, (width, height)).save(out, "PNG")
    return Tile(out.getvalue(), before, after)


@pytest.mark.parametrize("count", [0, 1, 4, 5, 7, 12, 30])
def test_any_number_of_images_of_any_shape_fits(count: int) -> None:
    shapes = [(28, 28, "L"), (1, 900, "RGB"), (900, 1, "RGB"), (320, 200, "RGBA"), (5, 5, "P")]
    tiles = [tile(width, height, mode=mode) for width, height, mode in (shapes * 6)[:count]]
    with Image.open(io.BytesIO(draw_card("3 errors fixed", "faces", tiles))) as card:
        assert (card.size, card.mode) == ((WIDTH, HEIGHT), "RGB")
        pixels = np.asarray(card)
    ground = np.array([int(LIGHT.ground[i : i + 2], 16) for i in (1, 3, 5)])
    for edge in (pixels[:20], pixels[-20:], pixels[:, :40], pixels[:, -40:]):
        assert (edge == ground).all()


def test_a_long_name_is_cut_at_its_image() -> None:
    name = "a class with a very long name " * 8
    cards = [draw_card("1 error fixed", name, [tile(64, 64, name + end, name + end)]) for end in ("", "x")]
    assert cards[0] == cards[1]


def test_letters_that_the_font_lacks_are_noticed() -> None:
    assert can_write("Straße, été, кот, γάτα")
    for name in ("猫", "普通", "قطة", "חתול", "बिल्ली", "ก่อน", "cat 🐈", "q\u0323\u0307"):
        assert not can_write(name), name


def test_images_without_names_take_the_place_of_the_names() -> None:
    def last_row(before: str) -> int:
        with Image.open(
            io.BytesIO(draw_card("3 errors fixed", "faces", [tile(64, 64, before, before)] * 12))
        ) as card:
            dark = np.asarray(card.convert("L")) < 8  # the images are black, the words are not
        return int(np.flatnonzero(dark.sum(axis=1) > WIDTH // 2)[-1])

    assert last_row("") > last_row("cat")
