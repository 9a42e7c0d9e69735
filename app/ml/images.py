"""Images decoded once into one array on disk, so that training and scoring never decode again. No torch here."""

import io
import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from app.errors import Cancelled
from app.ml.errors import ImageUnreadable

_WINDOW = 256  # images in flight: bounds memory, and how often progress and stop are looked at
_MID_GREY = 128
_WHITE = (255, 255, 255, 255)


def prepare_images(
    read: Callable[[int], bytes],
    n: int,
    out: Path,
    *,
    size: int,
    on_progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    on_unreadable: Callable[[int, str], None] | None = None,
    threads: int | None = None,
) -> np.memmap:
    """Decode image 0 to n - 1 into `out`, a uint8 array of shape (n, size, size, 3) in .npy format, and map it.

    `read(i)` returns the encoded bytes of image i; it is called from several threads. A complete `out` of this shape
    is taken as it is: name it after what it holds. `on_progress(done, n)` is called a few times a second at most.
    An image that cannot be decoded raises `ImageUnreadable`, or, with `on_unreadable(position, reason)`, is reported
    there and stays mid-grey. `should_stop` raises `Cancelled`. Nothing is left behind by a failure.
    """
    if n < 1:
        raise ValueError("there are no images to prepare")
    ready = _open_if_complete(out, n, size)
    if ready is not None:
        return ready
    out.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(out)
    partial = out.parent / f".{out.name}.{socket.gethostname()}.{os.getpid()}.partial"

    try:
        array = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=(n, size, size, 3))
        with ThreadPoolExecutor(threads or min(4, os.cpu_count() or 1)) as pool:
            for first in range(0, n, _WINDOW):
                if should_stop is not None and should_stop():
                    raise Cancelled("Preparing the images was stopped.")
                rows = range(first, min(first + _WINDOW, n))
                for position, row in zip(rows, pool.map(lambda i: _decode(read, i, size), rows), strict=True):
                    if isinstance(row, np.ndarray):
                        array[position] = row
                    elif on_unreadable is None:
                        raise row
                    else:
                        on_unreadable(position, row.reason)
                        array[position] = _MID_GREY
                if on_progress is not None:
                    on_progress(rows.stop, n)
        array.flush()
        del array
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
    return _open(out)


def decode_square(data: bytes, size: int) -> np.ndarray:
    """One encoded image as a uint8 array (size, size, 3), as a person sees it.

    EXIF orientation is applied, transparency lies on white, deeper greys are brought to 8 bits. The short side becomes
    `size` with antialiasing and the middle is cut out: keeping the aspect keeps faces and objects in shape, and what
    shows the class is seldom at the very edge (fastai's and torchvision's default as well). Of an animation the first
    frame counts. Raises whatever Pillow raises.
    """
    with Image.open(io.BytesIO(data)) as image:
        image.draft(None, (2 * size, 2 * size))  # big JPEGs decode at a fraction of their size
        upright = ImageOps.exif_transpose(image)
        picture = _to_rgb(upright)
        if picture.size != (size, size):
            picture = ImageOps.fit(picture, (size, size), Image.Resampling.BILINEAR)
        return np.asarray(picture, dtype=np.uint8)


def _decode(read: Callable[[int], bytes], position: int, size: int) -> np.ndarray | ImageUnreadable:
    try:
        return decode_square(read(position), size)
    except Exception as error:  # noqa: BLE001 - Pillow raises nearly everything on broken files
        return ImageUnreadable(position, str(error) or type(error).__name__)


def _to_rgb(image: Image.Image) -> Image.Image:
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


def _open_if_complete(path: Path, n: int, size: int) -> np.memmap | None:
    try:
        array = _open(path)
    except (OSError, ValueError, EOFError):
        return None
    return array if array.dtype == np.uint8 and array.shape == (n, size, size, 3) else None


def _open(path: Path) -> np.memmap:
    array: np.memmap = np.load(path, mmap_mode="r")
    return array


def _remove_leftovers(out: Path) -> None:
    """Delete partial files of processes of this machine that are no more (killed while they prepared images)."""
    for path in out.parent.glob(f".{out.name}.{socket.gethostname()}.*.partial"):
        try:
            os.kill(int(path.name.split(".")[-2]), 0)
        except ProcessLookupError:
            path.unlink(missing_ok=True)
        except (PermissionError, ValueError):
            continue
