"""TIFFs of every depth are read as what they hold, or refused with the reason."""

import io
import struct
import zlib
from typing import Literal

import numpy as np
import pytest
from PIL import Image

from app.datasets.inspection import Rejected, inspect
from app.decoding.opening import memory_for, open_image
from app.decoding.seen import decode_square

Order = Literal["<", ">"]
FORMS = {"u": 1, "i": 2, "f": 3, "c": 6}
SLOPE = np.linspace(0, 1, 1200).reshape(30, 40)


def tiff(values: np.ndarray, *, order: Order = "<", packed: bool = False) -> bytes:
    """A TIFF of these numbers (height, width[, channels]), by hand: Pillow writes few of them."""
    channels = values.shape[2] if values.ndim == 3 else 1
    data = values.astype(values.dtype.newbyteorder(order)).tobytes()
    data = zlib.compress(data) if packed else data
    data += b"\0" * (len(data) % 2)
    tags = [
        (256, 4, [values.shape[1]]),
        (257, 4, [values.shape[0]]),
        (258, 3, [8 * values.dtype.itemsize] * channels),
        (259, 3, [8 if packed else 1]),
        (262, 3, [2 if channels == 3 else 1]),
        (273, 4, [8]),
        (277, 3, [channels]),
        (278, 4, [values.shape[0]]),
        (279, 4, [len(data)]),
        (339, 3, [FORMS[values.dtype.kind]] * channels),
    ]
    start, extra = 8 + len(data) + 6 + 12 * len(tags), b""
    directory = struct.pack(f"{order}H", len(tags))
    for tag, kind, numbers in tags:
        content = struct.pack(f"{order}{len(numbers)}{'H' if kind == 3 else 'I'}", *numbers)
        if len(content) > 4:
            content, extra = struct.pack(f"{order}I", start + len(extra)), extra + content
        directory += struct.pack(f"{order}HHI", tag, kind, len(numbers)) + content.ljust(4, b"\0")
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8 + len(data))
    return head + data + directory + b"\0\0\0\0" + extra


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [
        ("f4", -1.5, 2.5),
        ("f8", -1.5, 2.5),
        ("u2", 0, 60_000),
        ("i2", -30_000, 30_000),
        ("i4", -100_000, 100_000),
        ("u4", 0, 2_000_000_000),
    ],
)
def test_deep_greys_are_the_numbers_of_the_file(
    kind: str, low: float, high: float, order: Order, packed: bool
) -> None:
    values = (low + SLOPE * (high - low)).astype(kind)
    content = tiff(values, order=order, packed=packed)
    with open_image(content) as image:
        assert np.asarray(image) == pytest.approx(values, rel=1e-6)
    tones = inspect(content, max_pixels=10_000).tones
    assert tones is not None
    assert tones[:2] == pytest.approx((low, high), abs=0.01 * (high - low))
    square = decode_square(content, 30, scales={"I": tones, "F": tones})[:, :, 0]
    assert square[0].mean() < 10
    assert square[-1].mean() > 245


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("values", "words"),
    [
        (SLOPE.astype("f2"), "16-bit floats"),
        (SLOPE.astype("c8"), "64-bit complex numbers"),
        ((SLOPE * 9e9).astype("i8"), "64-bit signed whole numbers"),
        ((SLOPE * 9e9).astype("u8"), "64-bit whole numbers"),
        ((SLOPE * 4e9).astype("u4"), "32-bit whole numbers beyond 2,147,483,647"),
        ((SLOPE * 200 - 100).astype("i1"), "8-bit signed whole numbers"),
        (np.dstack([SLOPE] * 3).astype("f4"), "3 channels of 32-bit floats"),
        (np.dstack([SLOPE] * 2).astype("f8"), "2 channels of 64-bit floats"),
    ],
)
def test_one_that_cannot_be_read_rightly_is_refused_by_what_it_holds(
    values: np.ndarray, words: str, order: Order
) -> None:
    with pytest.raises(Rejected) as refusal:
        inspect(tiff(values, order=order), max_pixels=10_000)
    assert refusal.value.reason.startswith(f"a TIFF of {words}, which Toploss cannot read; save greys as")


READ = [("<", False), (">", False), ("<", True)]  # Pillow reads no BigTIFF of the other byte order


def tiled(*sides: int, order: Order = "<", big: bool = False) -> bytes:
    """A grey TIFF of 64 x 64 pixels in one tile; of several sides, the tags of a tile are there as often.

    `big`: a BigTIFF, whose numbers have 64 bits.
    """
    data = zlib.compress(bytes(sides[0] ** 2), 9)
    start, form, kind = (16, "HHQQ", 16) if big else (8, "HHII", 4)
    tags = [(256, 64), (257, 64), (258, 8), (259, 8), (262, 1), (277, 1)]
    tags += [(tag, side) for tag in (322, 323) for side in sides] + [(324, start), (325, len(data))]
    mark = b"II" if order == "<" else b"MM"
    if big:
        head = mark + struct.pack(f"{order}HHHQ", 43, 8, 0, start + len(data))
    else:
        head = mark + struct.pack(f"{order}HI", 42, start + len(data))
    directory = struct.pack(order + ("Q" if big else "H"), len(tags))
    directory += b"".join(struct.pack(order + form, tag, kind, 1, number) for tag, number in tags)
    return head + data + directory + bytes(8)


@pytest.mark.parametrize(("order", "big"), READ)
def test_a_tile_of_a_usual_size_may_be_larger_than_the_image(order: Order, big: bool) -> None:
    assert inspect(tiled(256, order=order, big=big), max_pixels=100_000).width == 64


@pytest.mark.parametrize(("order", "big"), READ)
@pytest.mark.parametrize("sides", [(4096,), (4096, 64), (64, 4096)])
def test_a_small_image_in_a_huge_tile_is_refused_before_it_is_decoded(
    sides: tuple[int, ...], order: Order, big: bool
) -> None:
    with pytest.raises(Rejected, match="too large: its tiles have 4096 x 4096 pixels, more than 1,000,000"):
        inspect(tiled(*sides, order=order, big=big), max_pixels=1_000_000)


@pytest.mark.parametrize("order", ["<", ">"])
def test_what_is_unpacked_at_once_is_a_part_of_the_memory_that_an_image_needs(order: Order) -> None:
    with open_image(tiled(1024)) as image:
        assert memory_for(image) > 1024**2
    values = np.zeros((1000, 1000), "u2")
    needed = []
    for packed in (False, True):  # in one strip
        with open_image(tiff(values, order=order, packed=packed)) as image:
            needed.append(memory_for(image))
    assert needed[1] - needed[0] == values.nbytes


def test_a_torn_tiff_has_no_such_reason() -> None:
    with pytest.raises(Rejected, match="truncated or damaged"):
        inspect(tiff(SLOPE.astype("f2"))[:2_420], max_pixels=10_000)


def test_a_tiff_of_several_pages_is_refused() -> None:
    out = io.BytesIO()
    page = Image.fromarray((SLOPE * 255).astype(np.uint8))
    page.save(out, "TIFF", save_all=True, append_images=[page])
    with pytest.raises(Rejected, match="several pages"):
        inspect(out.getvalue(), max_pixels=10_000)
