"""Pictures with the detail of photographs, for tests of what compares images by what they show."""

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter


def scene(seed: int, *, width: int = 120, height: int = 90) -> Image.Image:
    """Blurred noise of several scales in colour: like any other of its kind, but the same nowhere."""
    random = np.random.default_rng(seed)
    layers = [
        gaussian_filter(random.normal(size=(height, width, 3)), (scale, scale, 0)) * scale
        for scale in (1.5, 4, 10)
    ]
    values = np.sum(layers, axis=0)
    values = 128 + 110 * values / np.abs(values).max()
    return Image.fromarray(values.astype(np.uint8))


def mirrored(image: Image.Image) -> Image.Image:
    """Left and right exchanged."""
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def cropped(image: Image.Image, share: float = 0.8, *, left: float = 0.7, top: float = 0.2) -> Image.Image:
    """A part with this share of each side; `left` and `top` say where, from 0 to 1."""
    width, height = round(image.width * share), round(image.height * share)
    x, y = round((image.width - width) * left), round((image.height - height) * top)
    return image.crop((x, y, x + width, y + height))
