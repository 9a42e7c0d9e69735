"""A request that would decode an image beyond the memory for images is refused at once, with the largest."""

import io
import re
from pathlib import Path

import pytest
from PIL import Image

from app.datasets.inspection import Rejected, inspect
from app.datasets.pictures import picture_of
from app.decoding import budget
from app.decoding.opening import memory_for, open_image
from app.decoding.seen import decode_square
from app.errors import Invalid
from app.photos.photos import Sent, receive

MEGABYTES = 16
SIDE = 1500
LARGEST = re.compile(r"at most ([\d,]+) pixels, such as")


def encoded(kind: str, *, side: int = SIDE, mode: str = "RGB", **options: object) -> bytes:
    file = io.BytesIO()
    Image.new(mode, (side, side), "red").save(file, kind, **options)
    return file.getvalue()


@pytest.fixture(autouse=True)
def _little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "pixels", budget.Budget(MEGABYTES * budget.MEBIBYTE))


@pytest.mark.parametrize("kind", ["WEBP", "AVIF", "JPEG2000"])
def test_a_request_refuses_what_needs_too_much_and_a_worker_decodes_it_alone(kind: str) -> None:
    content = encoded(kind)
    with pytest.raises(Rejected, match=rf"too large to be decoded here: 1,500 x 1,500 .* a {kind} "):
        inspect(content, max_pixels=10_000_000, patience=30)
    with pytest.raises(budget.TooLarge, match="raise TOPLOSS_DECODING_MB"):
        decode_square(content, 8, patience=30)
    assert inspect(content, max_pixels=10_000_000).width == SIDE
    assert decode_square(content, 8).shape == (8, 8, 3)


def test_it_is_refused_at_once_also_while_others_use_all_memory() -> None:
    with budget.pixels.share(budget.pixels.limit), pytest.raises(Rejected, match="too large"):
        inspect(encoded("WEBP"), max_pixels=10_000_000, patience=1000)


@pytest.mark.parametrize("kind", ["WEBP", "PNG"])
def test_an_image_of_the_largest_size_that_is_named_is_taken_and_one_beyond_is_not(kind: str) -> None:
    with pytest.raises(Rejected) as refusal:
        inspect(encoded(kind, side=4000), max_pixels=100_000_000, patience=30)
    found = LARGEST.search(refusal.value.reason)
    assert found
    side = int(int(found[1].replace(",", "")) ** 0.5)
    if kind == "WEBP":  # below 2,000,000 pixels an image is decoded in one piece, which needs a little more
        side = int(side * (17 / 20) ** 0.5)
    assert inspect(encoded(kind, side=side), max_pixels=100_000_000, patience=30).width == side


def test_a_progressive_jpeg_is_measured_in_the_pixels_of_its_file() -> None:
    content = encoded("JPEG", side=3000, progressive=True)
    with pytest.raises(Rejected, match=r"3,0\d\d x 3,0\d\d pixels; a progressive JPEG"):
        inspect(content, max_pixels=100_000_000, patience=30)
    assert inspect(encoded("JPEG", side=3000), max_pixels=100_000_000, patience=30).width == 3000


def test_a_photo_that_needs_too_much_is_refused_with_its_name(tmp_path: Path) -> None:
    sent = [Sent("bomb.webp", io.BytesIO(encoded("WEBP", lossless=True)))]
    with (
        pytest.raises(Invalid, match=r"^bomb.webp is too large to be decoded here"),
        receive(sent, folder=tmp_path, max_pixels=10_000_000),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", ["thumbnail", "display"])
def test_no_picture_of_it_is_made(tmp_path: Path, size: str) -> None:
    content = encoded("WEBP", side=2000)
    facts = inspect(content, max_pixels=10_000_000)
    with pytest.raises(budget.TooLarge, match="The image is too large"):
        picture_of(facts, size=size, read=lambda: content, cache=tmp_path)  # type: ignore[arg-type]


def test_every_pixel_of_an_image_may_be_too_many_where_a_smaller_picture_is_not(tmp_path: Path) -> None:
    content = encoded("TIFF", side=2000)
    facts = inspect(content, max_pixels=10_000_000)
    assert picture_of(facts, size="display", read=lambda: content, cache=tmp_path).media_type == "image/jpeg"
    with pytest.raises(budget.TooLarge, match="shown with every pixel"):
        picture_of(facts, size="original", read=lambda: content, cache=tmp_path)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_by_default_a_page_shows_the_largest_images_that_are_imported(kind: str) -> None:
    """100 million pixels; the others are named in docs/settings.md."""
    with open_image(encoded(kind, side=10)) as image:
        image._size = (10_000, 10_000)  # nothing is decoded
        image.draft(None, (512, 512))
        assert memory_for(image) <= budget.MOST * 512 * budget.MEBIBYTE
