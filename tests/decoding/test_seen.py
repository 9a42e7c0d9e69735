"""An image as people and networks see it."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from app.decoding.opening import open_image
from app.decoding.seen import as_seen, decode_square


def encoded(values: np.ndarray, kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(values).save(file, kind)
    return file.getvalue()


def test_large_images_are_seen_as_small_ones_are() -> None:
    small = np.random.default_rng(0).integers(0, 4000, (300, 300)).astype(np.uint16)
    large = small.repeat(8, axis=0).repeat(8, axis=1)
    a, b = (decode_square(encoded(values, "PNG"), 30).astype(float) for values in (small, large))
    assert np.abs(a - b).mean() < 3


@pytest.mark.parametrize("turn", range(1, 9))
def test_every_orientation_is_turned_upright(turn: int) -> None:
    values = np.zeros((16, 32, 3), np.uint8)
    values[:8, :16] = 255  # the upper left
    exif = Image.Exif()
    exif[0x0112] = turn
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG", exif=exif)
    with open_image(file.getvalue()) as image:
        upright = np.asarray(ImageOps.exif_transpose(image))
    with open_image(file.getvalue()) as image:
        assert np.array_equal(np.asarray(as_seen(image)), upright)


def test_the_middle_is_seen_and_transparency_is_white() -> None:
    values = np.zeros((10, 30, 4), np.uint8)
    values[:, 10:20] = (255, 0, 0, 255)
    values[:5, 10:20, 3] = 0
    seen = decode_square(encoded(values, "PNG"), 10)
    assert seen.shape == (10, 10, 3)
    assert seen[7, 5].tolist() == [255, 0, 0]
    assert seen[2, 5].tolist() == [255, 255, 255]
