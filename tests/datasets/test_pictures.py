"""Images at the sizes that pages show."""

import io
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageOps

from app.datasets.pictures import SIDES, EncodedImage, Size, picture_of
from app.decoding.seen import decode_square


def made(image: Image.Image, kind: str, **options: object) -> tuple[SimpleNamespace, bytes]:
    """A file, and what the database knows of it."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    sample = SimpleNamespace(
        width=image.width,
        height=image.height,
        mode=image.mode,
        format=kind,
        bytes=len(out.getvalue()),
        sha256=f"{hash(out.getvalue()):064x}"[-64:],
    )
    return sample, out.getvalue()


def show(
    sample: SimpleNamespace, content: bytes, size: Size, cache: Path
) -> tuple[EncodedImage, Image.Image]:
    picture = picture_of(sample, size=size, read=lambda: content, cache=cache)  # type: ignore[arg-type]
    return picture, Image.open(io.BytesIO(picture.content))


def gradient(width: int, height: int, mode: str = "RGB") -> Image.Image:
    red = np.linspace(0, 255, width, dtype=np.uint8)[None, :].repeat(height, axis=0)
    return Image.fromarray(np.stack([red, red // 2, 255 - red], axis=2)).convert(mode)


def test_a_small_image_keeps_every_pixel_and_is_not_stored_again(tmp_path: Path) -> None:
    sample, content = made(gradient(48, 48, "L"), "PNG")
    for size in ("thumbnail", "display", "original"):
        picture, _ = show(sample, content, size, tmp_path / "cache")
        assert (picture.content, picture.media_type) == (content, "image/png")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("size", ["thumbnail", "display"])
def test_a_large_image_is_made_small_once(tmp_path: Path, size: Size) -> None:
    sample, content = made(gradient(4000, 3000), "JPEG")
    reads: list[int] = []

    def read() -> bytes:
        reads.append(1)
        return content

    pictures = [picture_of(sample, size=size, read=read, cache=tmp_path) for _ in range(3)]  # type: ignore[arg-type]
    assert len(reads) == 1
    assert len({picture.content for picture in pictures}) == 1
    shown = Image.open(io.BytesIO(pictures[0].content))
    assert shown.size == (SIDES[size], SIDES[size] * 3 // 4)
    assert np.abs(np.asarray(shown, float) - np.asarray(gradient(*shown.size), float)).mean() < 4


def test_a_turned_photo_is_shown_upright_once(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side
    sample, content = made(gradient(2000, 1000), "JPEG", exif=exif)
    _, shown = show(sample, content, "thumbnail", tmp_path)
    assert shown.size == (160, 320)
    assert shown.getexif().get(0x0112, 1) == 1
    top, bottom = np.asarray(shown)[[0, -1], 80, 0]
    assert top < 30
    assert bottom > 220


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("L", "PNG"),
        ("LA", "PNG"),
        ("RGBA", "PNG"),
        ("P", "PNG"),
        ("I;16", "PNG"),
        ("1", "PNG"),
        ("CMYK", "JPEG"),
        ("CMYK", "TIFF"),
        ("RGB", "TIFF"),
        ("F", "TIFF"),
    ],
)
def test_every_kind_of_image_is_shown_in_colours_of_a_screen(tmp_path: Path, mode: str, kind: str) -> None:
    for side in (100, 700):
        image = gradient(side, side, "I").convert("I;16") if mode == "I;16" else gradient(side, side, mode)
        sample, content = made(image, kind)
        for size in ("thumbnail", "display"):
            picture, shown = show(sample, content, size, tmp_path)
            shown.load()
            assert shown.mode in ("L", "RGB", "1", "P", "I;16"), (mode, size)
            assert picture.media_type in ("image/png", "image/jpeg")
            assert max(shown.size) <= max(side, 1) and max(shown.size) <= SIDES[size]  # noqa: PT018


def test_transparency_is_white(tmp_path: Path) -> None:
    sample, content = made(Image.new("RGBA", (900, 900), (255, 0, 0, 0)), "PNG")
    _, shown = show(sample, content, "thumbnail", tmp_path)
    assert np.asarray(shown).min() > 250


def test_a_line_of_pixels_stays_a_line(tmp_path: Path) -> None:
    sample, content = made(gradient(5000, 1), "PNG")
    assert show(sample, content, "thumbnail", tmp_path)[1].size == (320, 1)


def test_many_at_once_get_the_same_and_leave_no_remains(tmp_path: Path) -> None:
    sample, content = made(gradient(1500, 1500), "PNG")
    found: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: found.append(show(sample, content, "thumbnail", tmp_path)[0].content))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert [path.suffix for path in tmp_path.rglob("*") if path.is_file()] == [".jpeg"]


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    sample, content = made(gradient(1500, 1500), "PNG")
    assert show(sample, content, "thumbnail", tmp_path / "cache")[1].size == (320, 320)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG", "TIFF", "AVIF", "MPO", "JPEG2000"])
@pytest.mark.parametrize("size", ["thumbnail", "display", "original"])
def test_a_person_sees_every_format_the_way_round_that_the_network_does(
    tmp_path: Path, kind: str, size: Size
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    sample, content = made(gradient(300, 200), kind, exif=exif)
    picture, shown = show(sample, content, size, tmp_path)
    if picture.media_type == "image/jpeg" and shown.getexif().get(0x0112, 1) == 6:
        shown = ImageOps.exif_transpose(shown)  # as every browser does with a JPEG, and with nothing else
    network = decode_square(content, 64).astype(float)
    person = np.asarray(ImageOps.fit(shown.convert("RGB"), (64, 64)), float)
    assert np.abs(network - person).mean() < 6


def test_a_turned_webp_is_not_sent_as_it_is(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    sample, content = made(gradient(300, 200), "WEBP", exif=exif)
    assert show(sample, content, "display", tmp_path)[1].size == (200, 300)


def test_deep_greys_are_shown_by_the_data_sets_scale_in_every_size(tmp_path: Path) -> None:
    values = np.linspace(0, 1000, 400 * 400).reshape(400, 400).astype(np.uint16)
    sample, content = made(Image.fromarray(values), "PNG")
    for size in ("thumbnail", "display", "original"):
        picture = picture_of(sample, size=size, read=lambda: content, cache=tmp_path, scales={"I": (0, 4000)})
        shown = np.asarray(Image.open(io.BytesIO(picture.content)).convert("L"), float)
        assert 60 < shown.max() < 68
        alone = np.asarray(show(sample, content, size, tmp_path)[1].convert("L"), float)
        assert alone.max() > 240  # another file of the cache
