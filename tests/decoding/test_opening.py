"""Image files that are opened although something beside the pixels is wrong."""

import subprocess
import sys
import zlib

import pytest
from PIL import Image

from app.datasets.inspection import inspect
from app.decoding.opening import open_image, orientation
from app.decoding.seen import decode_square
from tests.decoding.files import chunk, encoded, reason


def with_chunk(content: bytes, kind: bytes, data: bytes, *, wrong: bool = False) -> bytes:
    """The PNG with one more chunk behind its header."""
    return content[:33] + chunk(kind, data, wrong=wrong) + content[33:]


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (b"tEXt", b"a\0" + b"x" * 20_000_000),
        (b"zTXt", b"a\0\0" + zlib.compress(bytes(30_000_000))),
        (b"iTXt", b"a\0\1\0\0\0" + zlib.compress(bytes(30_000_000))),
        (b"iCCP", b"a\0\0" + zlib.compress(bytes(30_000_000))),
        (b"iCCP", b"a\0\0no zlib"),
        (b"pHYs", b"x"),
        (b"eXIf", b"no exif"),
        (b"gAMA", b""),
    ],
)
@pytest.mark.parametrize("wrong", [False, True])
def test_what_a_png_says_beside_its_pixels_condemns_it_not(kind: bytes, data: bytes, wrong: bool) -> None:
    plain = encoded("PNG", size=(40, 40))
    content = with_chunk(plain, kind, data, wrong=wrong)
    assert inspect(content, max_pixels=2000).width == 40
    assert (decode_square(content, 16) == decode_square(plain, 16)).all()


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("size", [(200, 150), (3000, 2000)])
def test_a_jpeg_may_lack_its_last_two_bytes(size: tuple[int, int], progressive: bool) -> None:
    whole = encoded("JPEG", size=size, progressive=progressive)
    for lost in (1, 2):
        assert inspect(whole[:-lost], max_pixels=10**7).width == size[0]
        assert (decode_square(whole[:-lost], 32) == decode_square(whole, 32)).all()
    for share in (0.5, 0.9):
        torn = whole[: int(share * len(whole))]
        assert reason(torn, max_pixels=10**7).startswith("truncated or damaged")
        with pytest.raises(OSError):  # noqa: PT011 - Pillow's
            decode_square(torn, 32)


def test_a_jpeg_with_something_behind_its_end_is_an_image() -> None:
    assert inspect(encoded("JPEG") + b"appended by a camera" * 50, max_pixels=1000).width == 20


@pytest.mark.parametrize(("said", "turn"), [(6, 6), (0, 1), (9, 1), (None, 1)])
def test_an_orientation_that_is_none_is_upright(said: int | None, turn: int) -> None:
    exif = Image.Exif()
    if said is not None:
        exif[0x0112] = said
    with open_image(encoded("JPEG", exif=exif)) as image:
        assert orientation(image) == turn


QUIET = """
import io, sys
from app.datasets.inspection import Rejected, inspect
from PIL import Image
for kind, options, damage in (
    ("TIFF", {}, lambda content: content.replace(b"\\0\\1\\3\\0\\1\\0", b"\\0\\1\\3\\0\\2\\0", 1)),
    ("TIFF", {"compression": "tiff_adobe_deflate"}, lambda content: content[:12] + b"?" * 20 + content[32:]),
    ("JPEG", {"exif": b"Exif\\0\\0II*\\0\\x08\\0\\0\\0\\xff\\xff\\1\\2"}, lambda content: content),
):
    file = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(file, kind, **options)
    content = damage(file.getvalue())
    try:
        print(inspect(content, max_pixels=10**6).format)
    except Rejected as refusal:
        print(refusal.reason.partition(" (")[0])
"""


def test_what_pillow_and_libtiff_say_of_damaged_files_is_not_printed() -> None:
    done = subprocess.run([sys.executable, "-c", QUIET], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["TIFF", "truncated or damaged", "JPEG"]
    assert done.stderr == ""
