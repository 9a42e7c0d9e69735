"""Opens image files with Pillow: one rule for what is an image.

Problems that do not affect the pixels are no reason to refuse a file: text, colour profiles and unusual
metadata of a PNG, a JPEG whose last bytes are missing, unreadable EXIF.
"""

import ctypes
import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import isqrt

import numpy as np
from PIL import ExifTags, Image, PngImagePlugin, _imaging
from pillow_heif import register_heif_opener

from app.decoding import budget
from app.decoding.tiff import in_native_order, piece_bytes
from app.errors import Busy, shortage

# Formats that browsers show or Pillow decodes itself. Not EPS (it runs Ghostscript), and no formats that are
# recognised by little more than the suffix.
FORMATS = ("PNG", "JPEG", "MPO", "GIF", "BMP", "DIB", "TIFF", "WEBP", "PPM", "JPEG2000", "AVIF", "HEIF")

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_PIXELS = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}  # without one of them there is no image
_WANTED = {b"tRNS", b"iCCP", b"eXIf", b"acTL", b"fcTL", b"fdAT"}  # all other chunks are text or not used
_LARGEST_EXTRA = 16 * 1024**2  # bytes of a colour profile or of EXIF; a larger one is ignored
LARGE = 2_000_000  # pixels; smaller images are decoded in one piece
# Bytes per pixel that a format's decoder needs in addition to the image itself.
_DECODER_BYTES = {"WEBP": 12, "AVIF": 9, "JPEG2000": 12, "HEIF": 12}
_LOST = 0.01  # share of the pixels that a JPEG's missing end may affect
_END = b"\xff\xd9"

Image.init()  # now: later, without a free file handle, formats would be left out for as long as we run
register_heif_opener(thumbnails=False, decode_threads=1)  # it turns an image itself and tells EXIF so
Image.MAX_IMAGE_PIXELS = None  # the limit is a setting, which `inspection.py` checks before decoding
PngImagePlugin.MAX_TEXT_CHUNK = _LARGEST_EXTRA
# Pillow stores an image in blocks of 16 MiB, which the C library keeps per thread when they are freed. Blocks
# above 32 MiB are returned to the system.
_imaging.set_block_size(64 * 1024**2)
# Messages of Pillow and libtiff about damaged files do not name the file, and would fill the terminal and the
# log. An image that cannot be decoded is rejected with its reason.
warnings.filterwarnings("ignore", module=r"PIL\.")
with suppress(OSError, AttributeError):  # where libtiff is a part of Pillow's own module, it cannot be told
    ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler(None)


def open_image(
    content: bytes, *, max_pixels: int | None = None, patience: float | None = None
) -> Image.Image:
    """The image, not decoded yet.

    An incomplete JPEG with more than `max_pixels` is not repaired. Raises whatever Pillow raises, and Busy
    when `patience` (seconds) is over, TooLarge as `memory_to_decode`.
    """
    if content.startswith(PNG):
        content = _without_extras(content)
    elif content.startswith(JPEG):
        content = _with_its_end(content, max_pixels=max_pixels, patience=patience)
    return _open(content)


def orientation(image: Image.Image) -> int:
    """The EXIF orientation of the image, 1 to 8; 1, upright, if it is missing or invalid.

    XMP is ignored, as in browsers.
    """
    exif = Image.Exif()
    try:
        if image.format == "TIFF":
            exif = image.getexif()
        elif data := image.info.get("exif"):
            exif.load(data)
        said = exif.get(ExifTags.Base.Orientation, 1)
    except Exception:  # noqa: BLE001 - Pillow's EXIF reader may raise any exception
        return 1
    return said if isinstance(said, int) and 1 <= said <= 8 else 1  # noqa: PLR2004


@contextmanager
def memory_to_decode(
    image: Image.Image, *, whole: bool = False, patience: float | None = None
) -> Iterator[None]:
    """Hold the memory that an opened image needs during the block; `whole` as in `memory_for`.

    With `patience` (seconds, of a request) raises TooLarge for an image that needs more than `budget.MOST`
    times the memory of all images, and Busy.
    """
    needed, most = memory_for(image, whole=whole), int(budget.MOST * budget.pixels.limit)
    if patience is not None and needed > most:
        width, height = _full_size(image)
        largest = width * height * most // needed
        raise budget.TooLarge(
            f"too large to be decoded here: {width:,} x {height:,} pixels; {_in_words(image, whole=whole)} "
            f"may have at most {largest:,} pixels, such as {isqrt(largest):,} x {isqrt(largest):,}"
        )
    with budget.pixels.share(needed, patience=patience):
        try:
            yield
        except MemoryError as error:
            if needed <= budget.pixels.limit and (short := shortage(error)):
                raise short from error  # not because of the image
            raise budget.TooLarge("too large to be decoded in this machine's memory") from error


def _full_size(image: Image.Image) -> tuple[int, int]:
    """Width and height in the file; a JPEG that is decoded at a fraction has a smaller `size`."""
    scale = (getattr(image, "decoderconfig", None) or (1,))[0] or 1
    return image.width * scale, image.height * scale


def _in_words(image: Image.Image, *, whole: bool) -> str:
    kind = f"{image.format or 'image'} ({image.mode})"
    kind = f"progressive {kind}" if image.info.get("progressive") else kind
    kind = f"turned {kind}" if orientation(image) != 1 else kind
    return f"a {kind} shown with every pixel" if whole else f"a {kind}"


def memory_for(image: Image.Image, *, whole: bool = False) -> int:
    """About how many bytes decoding an opened image takes; with `whole` every pixel is converted to RGB."""
    width, height = image.size
    large = width * height > LARGE
    pixel = _pixel_bytes(image.mode) + _DECODER_BYTES.get(image.format or "", 0)
    pixel += 4 if whole or not large else 1
    if orientation(image) != 1:
        pixel += 4 if whole or not large else 1
    if image.info.get("progressive"):  # libjpeg keeps all coefficients, also for a small result
        scale = (getattr(image, "decoderconfig", None) or (1,))[0] or 1
        pixel += 6 * scale**2
    return width * height * pixel + piece_bytes(image)


def _open(content: bytes) -> Image.Image:
    formats = [name for name in FORMATS if name in Image.OPEN]
    return in_native_order(Image.open(io.BytesIO(content), formats=formats))


def _without_extras(content: bytes) -> bytes:
    """A PNG without chunks that Pillow might refuse. Raises SyntaxError for a wrong checksum."""
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
    """Kind, data, all bytes of every chunk, and whether its checksum is right; Pillow finds cut ones."""
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
    """Whether a colour profile or EXIF is so large or damaged that it is left out."""
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


def _with_its_end(content: bytes, *, max_pixels: int | None, patience: float | None) -> bytes:
    """A JPEG with its end marker added, if little more than the marker is missing."""
    if _END in content[-64:] or (max_pixels is not None and _pixels(content) > max_pixels):
        return content
    try:
        _small(content, patience)
    except (Busy, budget.TooLarge):
        raise
    except Exception:  # noqa: BLE001 - incomplete, or no JPEG
        ended = content.rstrip(b"\xff") + _END
        return ended if _is_all_there(ended, patience) else content
    return content  # something follows the end


def _is_all_there(ended: bytes, patience: float | None) -> bool:
    """Whether the picture hardly changes when different data replaces the missing bytes."""
    try:
        one = _small(ended, patience)
        other = _small(ended[: -len(_END)] + b"\x55" * len(ended) + _END, patience)
    except (Busy, budget.TooLarge):
        raise
    except Exception:  # noqa: BLE001
        return False
    return one.shape == other.shape and float((one != other).any(axis=-1).mean()) <= _LOST


def _pixels(content: bytes) -> int:
    with _open(content) as image:
        return image.width * image.height


def _small(content: bytes, patience: float | None) -> np.ndarray:
    """A small version; decoding a progressive JPEG needs memory for all its pixels nevertheless."""
    with _open(content) as image:
        image.draft(None, (256, 256))
        with memory_to_decode(image, patience=patience):
            return np.atleast_3d(np.asarray(image))


def _pixel_bytes(mode: str) -> int:
    """Bytes per pixel in Pillow's memory."""
    return 1 if mode in ("1", "L", "P") else 2 if mode.startswith("I;16") else 4
