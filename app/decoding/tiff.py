"""What Pillow does not say of TIFFs: bit depths, byte orders, the size of tiles, why one is refused."""

import io
import struct
from typing import IO, cast

from PIL import Image, TiffImagePlugin

_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # the last two are BigTIFF
TILELENGTH = 323
_INTEGERS = {1: "B", 3: "H", 4: "L", 6: "b", 8: "h", 9: "l", 13: "L", 16: "Q", 17: "q"}  # by type of a field
_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3  # in the tag SampleFormat
_NUMBERS = {_UNSIGNED: "whole numbers", _SIGNED: "signed whole numbers", _FLOAT: "floats"}
_COMPLEX = (5, 6)
_SAVE = "save greys as 16-bit whole numbers or 32-bit floats, colours with 8 or 16 bits a channel"

# (byte order, black is zero, sample format, order of bits, bits, extra channels) → Pillow's mode and raw mode
TiffImagePlugin.OPEN_INFO.update(
    {
        (b"II", 1, (_FLOAT,), 1, (64,), ()): ("F", "F;64F"),
        (b"MM", 1, (_FLOAT,), 1, (64,), ()): ("F", "F;64BF"),
        (b"MM", 1, (_UNSIGNED,), 1, (32,), ()): ("I", "I;32B"),
    }
)
# libtiff unpacks into this machine's byte order; Pillow 13 would read these in the file's.
_NATIVE = {"F;32BF": "F;32NF", "F;64BF": "F;64NF", "I;16BS": "I;16NS", "I;32B": "I;32N", "I;32BS": "I;32NS"}


def in_native_order(image: Image.Image) -> Image.Image:
    """The opened image, with packed numbers read in the byte order in which libtiff returns them."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        for place, tile in enumerate(image.tile):
            if tile.codec_name == "libtiff" and isinstance(tile.args, tuple) and tile.args[0] in _NATIVE:
                image.tile[place] = tile._replace(args=(_NATIVE[tile.args[0]], *tile.args[1:]))
    return image


def piece(image: Image.Image) -> tuple[int, int]:
    """Width and height of what libtiff unpacks at once, a tile or a strip; nothing where it unpacks nothing.

    A tile may be much larger than the image: then it, and not the image, says how much memory is needed.
    """
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return 0, 0
    if not any(tile.codec_name == "libtiff" for tile in image.tile):
        return 0, 0
    wide, high, rows = _largest(image, TiffImagePlugin.TILEWIDTH, TILELENGTH, TiffImagePlugin.ROWSPERSTRIP)
    return (wide, high) if wide and high else (image.width, min(rows or image.height, image.height))


def piece_bytes(image: Image.Image) -> int:
    """How many bytes that takes."""
    wide, high = piece(image)
    if not wide:
        return 0
    bits = image.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE, (1,))  # type: ignore[attr-defined]
    return wide * high * max(1, -(-sum(map(int, bits)) // 8))


def _largest(image: TiffImagePlugin.TiffImageFile, *tags: int) -> list[int]:
    """The number of each tag in the first directory, 0 where it has none.

    Of a tag that is there twice Pillow takes the last one and libtiff the first: here the largest counts.
    """
    file = cast("IO[bytes]", image.fp)
    file.seek(0)
    head = file.read(16)
    order, is_big = "<" if head.startswith(b"II") else ">", head[2:4] in (b"+\0", b"\0+")
    entry = struct.Struct(order + ("HHQ8s" if is_big else "HHL4s"))
    file.seek(
        struct.unpack_from(order + "Q", head, 8)[0] if is_big else struct.unpack_from(order + "L", head, 4)[0]
    )
    [count] = struct.unpack(order + ("Q" if is_big else "H"), file.read(8 if is_big else 2))
    found = dict.fromkeys(tags, 0)
    for tag, kind, _, value in entry.iter_unpack(file.read(count * entry.size)):
        if tag in found and kind in _INTEGERS:
            found[tag] = max(found[tag], struct.unpack_from(order + _INTEGERS[kind], value)[0])
    return list(found.values())


def wrong_numbers(image: Image.Image) -> str:
    """Why the numbers of a decoded image differ from those of its file; empty if they do not."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return ""
    form = image.tag_v2.get(TiffImagePlugin.SAMPLEFORMAT, (_UNSIGNED,))
    if image.mode == "L" and _SIGNED in form:  # Pillow reads -1 as 255
        return _refused("8-bit signed whole numbers")
    if image.mode == "I" and _SIGNED not in form and int(image.getextrema()[0]) < 0:  # type: ignore[arg-type]
        return _refused("32-bit whole numbers beyond 2,147,483,647")
    return ""


def reason_of(content: bytes) -> str:
    """Why Pillow cannot open this TIFF; empty if it is not a TIFF or if the reason is unknown."""
    if not content.startswith(_STARTS):
        return ""
    try:
        head = content[: 16 if content[2:4] in (b"+\0", b"\0+") else 8]
        tags = TiffImagePlugin.ImageFileDirectory_v2(head)
        file = io.BytesIO(content)
        file.seek(tags.next)
        tags.load(file)
        channels = int(tags.get(TiffImagePlugin.SAMPLESPERPIXEL, 1))
        bits = sorted({int(each) for each in tags[TiffImagePlugin.BITSPERSAMPLE]})
        form = {int(each) for each in tags.get(TiffImagePlugin.SAMPLEFORMAT, (_UNSIGNED,))}
    except Exception:  # noqa: BLE001 - Pillow may raise any exception for a damaged file
        return ""
    numbers = "complex numbers" if form & set(_COMPLEX) else _NUMBERS.get(min(form, default=0), "numbers")
    depth = " and ".join(map(str, bits[:3]))
    return _refused(f"{f'{channels:,} channels of ' if channels != 1 else ''}{depth}-bit {numbers}")


def _refused(what: str) -> str:
    return f"a TIFF of {what}, which Toploss cannot read; {_SAVE}"
