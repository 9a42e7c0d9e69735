import errno
import fcntl
import io
import os
import weakref
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from app.errors import Cancelled
from app.ml.decoding import decode_square
from app.ml.errors import ImageUnreadable
from app.ml.images import StreamedImages, prepare_images


def encoded(image: Image.Image, format: str = "PNG", **options) -> bytes:  # noqa: A002 - Pillow's word
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def plain(level: int, size: tuple[int, int] = (40, 40)) -> Image.Image:
    return Image.new("RGB", size, (level, level, level))


def test_grey_becomes_three_equal_colours():
    result = decode_square(encoded(Image.new("L", (48, 48), 77)), 32)
    assert result.shape == (32, 32, 3)
    assert result.dtype == np.uint8
    assert (result == 77).all()


def test_transparency_lies_on_white():
    half = Image.new("RGBA", (20, 20), (255, 0, 0, 128))
    assert decode_square(encoded(half), 16)[8, 8].tolist() == pytest.approx([255, 127, 127], abs=1)
    assert decode_square(encoded(Image.new("LA", (20, 20), (0, 0))), 16).min() == 255


def test_palettes_are_looked_up_with_and_without_transparency():
    picture = Image.new("P", (20, 20), 1)
    picture.putpalette([0, 0, 0, 10, 200, 30])
    assert decode_square(encoded(picture), 16)[8, 8].tolist() == [10, 200, 30]
    assert decode_square(encoded(picture, transparency=1), 16)[8, 8].tolist() == [255, 255, 255]


def test_the_camera_may_have_been_held_sideways():
    picture = plain(0)
    picture.paste((255, 0, 0), (0, 0, 40, 20))  # red on top
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise: what was the top is the right
    result = decode_square(encoded(picture, "JPEG", exif=exif, quality=95), 32)
    assert result[16, 28, 0] > 200
    assert result[16, 3, 0] < 60


def test_the_aspect_is_kept_and_the_middle_cut_out():
    picture = plain(0, (120, 40))
    picture.paste((255, 255, 255), (40, 0, 80, 40))
    assert decode_square(encoded(picture), 20)[:, 2:-2].min() > 250


def test_other_formats_are_read():
    for format_, mode in [("JPEG", "CMYK"), ("TIFF", "F"), ("BMP", "1"), ("GIF", "P"), ("WEBP", "RGB")]:
        assert decode_square(encoded(Image.new(mode, (30, 30)), format_), 16).shape == (16, 16, 3)


def test_images_land_in_one_array_in_their_order(tmp_path):
    seen = []
    result = prepare_images(
        lambda i: encoded(plain(i)),
        200,
        tmp_path / "new" / "a.npy",
        size=8,
        on_progress=lambda *at: seen.append(at),
    )
    assert result.shape == (200, 8, 8, 3)
    assert result[:, 0, 0, 0].tolist() == list(range(200))
    assert seen[-1] == (200, 200)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.npy"]


def test_a_complete_array_is_not_made_again(tmp_path):
    def never(position: int) -> bytes:
        raise AssertionError(position)

    prepare_images(lambda _: encoded(plain(9)), 3, tmp_path / "a.npy", size=8)
    assert prepare_images(never, 3, tmp_path / "a.npy", size=8)[2, 0, 0, 0] == 9


def test_an_array_of_another_shape_or_a_torn_one_is_replaced(tmp_path):
    out = tmp_path / "a.npy"
    prepare_images(lambda _: encoded(plain(9)), 3, out, size=8)
    assert prepare_images(lambda _: encoded(plain(5)), 4, out, size=8)[3, 0, 0, 0] == 5
    out.write_bytes(out.read_bytes()[:200])
    assert prepare_images(lambda _: encoded(plain(6)), 4, out, size=8)[3, 0, 0, 0] == 6


@pytest.mark.parametrize("broken", [b"", b"no image", encoded(plain(3))[:60]])
def test_a_broken_image_is_named_and_leaves_nothing_behind(tmp_path, broken):
    with pytest.raises(ImageUnreadable, match="Image 1 cannot be read") as caught:
        prepare_images(lambda i: broken if i == 1 else encoded(plain(3)), 3, tmp_path / "a.npy", size=8)
    assert caught.value.position == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("full", ["beforehand", "while the file is made"])
def test_where_the_array_does_not_fit_images_are_decoded_when_they_are_asked_for(tmp_path, monkeypatch, full):
    if full == "beforehand":
        monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1024**3))
    else:

        def refuse(*_):
            raise OSError(errno.ENOSPC, "no space")

        monkeypatch.setattr(os, "posix_fallocate", refuse)
    images = prepare_images(lambda i: encoded(plain(i)), 200, tmp_path / "a.npy", size=8)
    assert isinstance(images, StreamedImages)
    assert (images.shape, images.dtype, len(images)) == ((200, 8, 8, 3), np.uint8, 200)
    rows = np.array([7, 3, 3, 199])
    assert (images[rows] == rows[:, None, None, None]).all()
    assert images[rows[:0]].shape == (0, 8, 8, 3)
    assert list(tmp_path.iterdir()) == []


def test_a_streamed_image_that_cannot_be_decoded_is_named():
    images = StreamedImages(lambda i: b"?" if i == 4 else encoded(plain(3)), 5, size=8)
    with pytest.raises(ImageUnreadable, match="Image 4"):
        images[np.arange(5)]


def test_what_is_wrong_with_many_images_does_not_keep_their_files_in_memory(tmp_path):
    """A traceback keeps the frames of a reader, which hold the whole file; so does that of a cause."""
    files = []

    def read(row):
        content = Image.new("L", (1, 1))
        files.append(weakref.ref(content))
        try:
            content.seek(1)
        except EOFError as error:
            raise ValueError(row) from error

    problems = {}
    prepare_images(read, 3, tmp_path / "all.npy", size=8, problems=problems)
    assert [str(error) for error in problems.values()] == ["0", "1", "2"]
    assert [file() for file in files] == [None] * 3


def test_preparing_can_be_stopped(tmp_path):
    with pytest.raises(Cancelled):
        prepare_images(lambda _: encoded(plain(1)), 3, tmp_path / "a.npy", size=8, should_stop=lambda: True)
    assert list(tmp_path.iterdir()) == []


def test_leftovers_of_a_killed_process_are_removed_and_those_of_a_living_one_are_not(tmp_path):
    leftover, busy = tmp_path / ".a.npy.1.part", tmp_path / ".a.npy.2.part"
    for path in (leftover, busy):
        path.write_bytes(b"half")
    with busy.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        prepare_images(lambda _: encoded(plain(1)), 1, Path(tmp_path / "a.npy"), size=8)
    assert not leftover.exists()
    assert busy.exists()
