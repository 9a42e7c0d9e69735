"""One file's bytes: facts or a reason."""

import io
import struct
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

from app.datasets.inspection import Facts, Rejected, inspect
from app.datasets.kinds import reason_of
from app.decoding import budget
from app.decoding.opening import open_image
from app.decoding.seen import decode_square
from app.errors import Busy
from tests.decoding.files import chunk, encoded, reason


def header_only_png(width: int, height: int) -> bytes:
    """A PNG that claims a size and has no pixels: what a bomb looks like from outside."""
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000"])
def test_usual_formats_are_images(kind: str) -> None:
    content = encoded(kind)
    facts = inspect(content, max_pixels=1000)
    assert (facts.width, facts.height, facts.bytes, facts.format) == (20, 10, len(content), kind)


def test_facts_are_of_the_file_not_of_a_conversion() -> None:
    assert inspect(encoded("PNG", mode="L"), max_pixels=1000).mode == "L"
    assert inspect(encoded("PNG", mode="LA"), max_pixels=1000).mode == "LA"
    assert len(inspect(encoded(), max_pixels=1000).sha256) == 64


def test_a_cameras_jpeg_with_a_preview_is_one_image() -> None:
    assert inspect(encoded("MPO", frames=2), max_pixels=1000).format == "MPO"


def test_an_empty_file_is_told_apart() -> None:
    assert reason(b"") == "empty"


@pytest.mark.parametrize(
    "content",
    [b"hello", b"PK\3\4 a zip", b"<svg/>", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"],
)
def test_what_is_no_image_is_no_image(content: bytes) -> None:
    assert reason(content) == (reason_of(content) or "not an image")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"])
def test_half_an_image_is_damaged(kind: str) -> None:
    content = encoded(kind, size=(80, 80))
    assert reason(content[: len(content) // 2]).startswith("truncated or damaged")


def test_a_png_with_a_wrong_checksum_is_damaged() -> None:
    content = bytearray(encoded("PNG", size=(80, 80)))
    content[len(content) // 2] ^= 0xFF
    assert reason(bytes(content)).startswith("truncated or damaged")


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_several_frames_are_animated(kind: str) -> None:
    assert reason(encoded(kind, frames=3)).startswith("animated")


def test_more_pixels_than_allowed_are_refused_with_their_size() -> None:
    assert reason(encoded(size=(20, 10)), max_pixels=199) == "too large: 20 x 10 pixels, more than 199"
    assert inspect(encoded(size=(20, 10)), max_pixels=200).width == 20


@pytest.mark.parametrize(
    "side", [12_000, 60_000]
)  # beyond the limit at which Pillow warns, and at which it raises
def test_a_bomb_is_refused_by_its_header(side: int) -> None:
    assert reason(header_only_png(side, side)).startswith("too large")


def test_a_raised_limit_holds_beyond_the_one_that_pillow_has_of_its_own() -> None:
    content = encoded("PNG", mode="1", size=(15_000, 12_000))  # Pillow refuses above 179 million pixels
    assert reason(content, max_pixels=100_000_000).startswith("too large")
    assert inspect(content, max_pixels=200_000_000).width == 15_000
    assert decode_square(content, 8).shape == (8, 8, 3)


def test_a_jpeg_without_its_end_takes_no_more_memory_than_there_is_for_images() -> None:
    torn = encoded("JPEG", size=(3000, 2000), progressive=True)[:-2]
    with budget.pixels.share(budget.pixels.limit):
        with pytest.raises(Busy):
            open_image(torn, patience=0.01)
        with pytest.raises(Rejected, match="too large: 3000 x 2000"):  # of a bomb nothing is decoded
            inspect(torn, max_pixels=1000, patience=0.01)


def grey(values: np.ndarray, kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(values).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize(
    "values",
    [
        np.full((9, 9), 700, np.uint16),
        np.full((9, 9), 0.5, np.float32),
        np.full((9, 9), np.nan, np.float32),
    ],
)
def test_a_deep_grey_image_of_one_colour_is_rejected(values: np.ndarray) -> None:
    assert reason(grey(values, "TIFF")).startswith("of one colour")


def test_a_deep_grey_image_that_is_of_one_colour_beside_the_others_is_rejected_with_the_values() -> None:
    values = np.linspace(0, 1, 100, dtype=np.float32).reshape(10, 10)
    assert inspect(grey(values, "TIFF"), max_pixels=1000).tones is not None
    with pytest.raises(Rejected, match=r"0.005 to 0.995, those of the other images 3000 to 4000"):
        inspect(grey(values, "TIFF"), max_pixels=1000, scales={"F": (3000, 4000)})


@pytest.mark.parametrize(
    "damage", [lambda c: c[:40], lambda c: c[:20] + b"\xff" * 50 + c[70:], lambda c: c[::-1]]
)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000"])
def test_whatever_is_wrong_with_a_file_it_is_a_reason_and_no_crash(
    kind: str, damage: Callable[[bytes], bytes]
) -> None:
    with suppress(Rejected):  # some damage is none: a GIF may lack its end
        assert isinstance(inspect(damage(encoded(kind)), max_pixels=1000), Facts)
