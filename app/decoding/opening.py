"""Opening an image file with Pillow, so that one rule says what is an image.

What does not touch the pixels condemns no file: text, colour profiles and odd metadata of a PNG, a JPEG whose
last bytes are missing, EXIF that nobody can read.
"""

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import ExifTags, Image, PngImagePlugin, _imaging

from app.decoding.tiff import in_native_order

# What browsers show or Pillow decodes by itself. Not EPS (runs Ghostscript), not formats recognised by hardly
# more than a suffix.
FORMATS = ("PNG", "JPEG", "MPO", "GIF", "BMP", "DIB", "TIFF", "WEBP", "PPM", "JPEG2000", "AVIF")

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_PIXELS = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}  # without one of them there is no image
_WANTED = {b"tRNS", b"iCCP", b"eXIf", b"acTL", b"fcTL", b"fdAT"}  # all else is text, or is not looked at
_LARGEST_EXTRA = 16 * 1024**2  # bytes of a colour profile or of EXIF; a larger one is passed over
_LOST = 0.01  # share of the picture that a JPEG's missing end may have touched
_END = b"\xff\xd9"

Image.MAX_IMAGE_PIXELS = (
    None  # the limit is a setting, and looked at in `inspection.py` before anything is decoded
)
PngImagePlugin.MAX_TEXT_CHUNK = _LARGEST_EXTRA
# Pillow holds an image in blocks of 16 MiB, which the C library keeps for later when they are freed, thread
# by thread. Blocks beyond 32 MiB go back to the system.
_imaging.set_block_size(64 * 1024**2)


def open_image(content: bytes) -> Image.Image:
    """The image, not decoded yet. Raises whatever Pillow raises."""
    Image.init()  # registers every format; those that this Pillow was built without are left out
    if content.startswith(PNG):
        content = _without_extras(content)
    elif content.startswith(JPEG):
        content = _with_its_end(content)
    return _open(content)


def orientation(image: Image.Image) -> int:
    """How the camera was held, 1 to 8 as EXIF counts; 1, upright, where nothing sensible is said.

    What XMP says is passed over, as browsers do.
    """
    exif = Image.Exif()
    try:
        if image.format == "TIFF":
            exif = image.getexif()
        elif data := image.info.get("exif"):
            exif.load(data)
        said = exif.get(ExifTags.Base.Orientation, 1)
    except Exception:  # noqa: BLE001 - Pillow's reader of EXIF raises whatever it stumbles over
        return 1
    return said if isinstance(said, int) and 1 <= said <= 8 else 1  # noqa: PLR2004


def _open(content: bytes) -> Image.Image:
    formats = [name for name in FORMATS if name in Image.OPEN]
    return in_native_order(Image.open(io.BytesIO(content), formats=formats))


def _without_extras(content: bytes) -> bytes:
    """A PNG without the chunks that Pillow might refuse it for. Raises SyntaxError for a wrong checksum."""
    kept, dropped = [memoryview(content)[: len(PNG)]], False
    for kind, data, chunk, sound in _chunks(content):
        if kind in _PIXELS and not sound:
            raise SyntaxError(f"wrong checksum of {kind.decode()}")
        if kind in _PIXELS or (kind in _WANTED and sound and not _is_bloated(kind, data)):
            kept.append(chunk)
        else:
            dropped = True
    return b"".join(kept) if dropped else content


def _chunks(content: bytes) -> Iterator[tuple[bytes, memoryview, memoryview, bool]]:
    """Kind, data, all bytes of every chunk, and whether its checksum is right; Pillow finds a torn one."""
    view, start = memoryview(content), len(PNG)
    while start + 12 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, start)
        end = start + 12 + length
        if end > len(content):
            yield kind, view[:0], view[start:], True
            return
        sound = zlib.crc32(view[start + 4 : end - 4]) == int.from_bytes(view[end - 4 : end])
        yield kind, view[start + 8 : end - 4], view[start:end], sound
        start = end
        if kind == b"IEND":
            return


def _is_bloated(kind: bytes, data: memoryview) -> bool:
    """Whether a colour profile or EXIF is so large or damaged that the image is better read without."""
    if len(data) > _LARGEST_EXTRA:
        return True
    if kind != b"iCCP":
        return False
    name, _, packed = bytes(data).partition(b"\0")
    unpacker = zlib.decompressobj()
    try:
        unpacker.decompress(packed[1:], _LARGEST_EXTRA)
    except zlib.error:
        return True
    return not name or bool(unpacker.unconsumed_tail) or not unpacker.eof


def _with_its_end(content: bytes) -> bytes:
    """A JPEG with its end mark, where only that is missing, and hardly anything before it."""
    if _END in content[-64:]:
        return content
    try:
        _small(content)
    except Exception:  # noqa: BLE001 - torn, or no JPEG at all
        ended = content.rstrip(b"\xff") + _END
        return ended if _is_all_there(ended) else content
    return content  # something follows the end


def _is_all_there(ended: bytes) -> bool:
    """Whether the picture hardly changes when other data stands where its own is missing."""
    try:
        one = _small(ended)
        other = _small(ended[: -len(_END)] + b"\x55" * len(ended) + _END)
    except Exception:  # noqa: BLE001
        return False
    return one.shape == other.shape and float((one != other).any(axis=-1).mean()) <= _LOST


def _small(content: bytes) -> np.ndarray:
    with _open(content) as image:
        image.draft(None, (256, 256))
        return np.atleast_3d(np.asarray(image))
