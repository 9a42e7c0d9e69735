"""How the pixels of an image are described."""

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from app.decoding.appearance import appearance


def photograph(side: int = 200, seed: int = 0) -> Image.Image:
    """Soft shapes with hard edges and a little noise."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(40, 216, (8, 8, 3)).astype(np.uint8))
    pixels = np.asarray(coarse.resize((side, side), Image.Resampling.NEAREST), np.float32)
    noisy = pixels + random.normal(0, 4, pixels.shape)
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def test_black_is_zero_and_white_is_one() -> None:
    assert appearance(Image.new("RGB", (40, 30))).brightness == 0
    assert appearance(Image.new("RGB", (40, 30), "white")).brightness == 1


@pytest.mark.parametrize("side", [32, 200, 1000])
def test_blur_takes_away_sharpness_at_every_size_and_darkness_does_not(side: int) -> None:
    image = photograph(side)
    sharp = appearance(image).sharpness
    assert sharp > 4
    assert appearance(image.filter(ImageFilter.GaussianBlur(side / 25))).sharpness < 2
    assert appearance(ImageEnhance.Brightness(image).enhance(0.3)).sharpness > 3


def test_one_colour_has_no_contrast_even_with_noise() -> None:
    noise = np.random.default_rng(0).normal(128, 8, (100, 100, 3)).clip(0, 255).astype(np.uint8)
    assert appearance(Image.new("RGB", (100, 100), "teal")).contrast == 0
    assert appearance(Image.fromarray(noise)).contrast < 0.05
    assert appearance(photograph()).contrast > 0.4


def test_two_colours_of_one_grey_have_contrast() -> None:
    image = Image.new("RGB", (64, 64), (200, 0, 0))
    image.paste((0, 102, 0), (0, 0, 32, 64))  # the same grey
    assert appearance(image).contrast > 0.7


@pytest.mark.parametrize("size", [(1, 1), (2, 200), (200, 1), (5000, 2)])
def test_an_image_of_a_few_pixels_is_described_too(size: tuple[int, int]) -> None:
    assert appearance(Image.new("RGB", size, "grey")) == pytest.approx((128 / 255, 0, 0), abs=1e-6)
