"""One encoded image as pixels. No torch here."""

import io

import numpy as np
from PIL import Image, ImageOps

_WHITE = (255, 255, 255, 255)


def decode_square(data: bytes, size: int) -> np.ndarray:
    """One encoded image as a uint8 array (size, size, 3), as a person sees it.

    EXIF orientation is applied, transparency lies on white, deeper greys are brought to 8 bits. The short side becomes
    `size` with antialiasing and the middle is cut out: keeping the aspect keeps faces and objects in shape, and what
    shows the class is seldom at the very edge (fastai's and torchvision's default as well). Of an animation the first
    frame counts. Raises whatever Pillow raises.
    """
    with Image.open(io.BytesIO(data)) as image:
        image.draft(None, (2 * size, 2 * size))  # big JPEGs decode at a fraction of their size
        picture = as_seen(image)
        if picture.size != (size, size):
            picture = ImageOps.fit(picture, (size, size), Image.Resampling.BILINEAR)
        return np.asarray(picture, dtype=np.uint8)


def as_seen(image: Image.Image) -> Image.Image:
    """The image in RGB as a person sees it: upright by its EXIF orientation, transparency on white, deeper greys in 8 bits."""
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(_to_eight_bits(np.asarray(image))).convert("RGB")
    if image.has_transparency_data:
        picture = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", picture.size, _WHITE), picture).convert("RGB")
    return image.convert("RGB")


def _to_eight_bits(grey: np.ndarray) -> np.ndarray:
    """Bring deep grey values to 0 to 255.

    Integers count as 8, 12 or 16 bits, whichever holds the brightest (scanners and cameras store 12 bits in 16; taken
    as 16 they would look black); floats as 0 to 1 or 0 to 255.
    """
    values = np.nan_to_num(grey.astype(np.float64))
    brightest = values.max(initial=0)
    if grey.dtype.kind == "f":
        white = 1.0 if brightest <= 1 else 255.0
    else:
        white = next((float(2**bits - 1) for bits in (8, 12, 16) if brightest < 2**bits), float(brightest))
    return np.clip(values / white * 255, 0, 255).round().astype(np.uint8)
