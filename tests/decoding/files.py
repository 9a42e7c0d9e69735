"""Encoded images, whole and damaged, and why one is refused."""

import io
import struct
import zlib
from typing import Any

import pytest
from PIL import Image

from app.datasets.inspection import Rejected, inspect


def encoded(
    kind: str = "PNG", *, mode: str = "RGB", size: tuple[int, int] = (20, 10), frames: int = 1, **options: Any
) -> bytes:
    pictures = [Image.effect_noise(size, 50 + i).convert(mode) for i in range(frames)]
    file = io.BytesIO()
    pictures[0].save(
        file, kind, **({"save_all": True, "append_images": pictures[1:]} if frames > 1 else {}), **options
    )
    return file.getvalue()


def reason(content: bytes, *, max_pixels: int = 1_000_000) -> str:
    with pytest.raises(Rejected) as refusal:
        inspect(content, max_pixels=max_pixels)
    return refusal.value.reason


def chunk(kind: bytes, data: bytes, *, wrong: bool = False) -> bytes:
    """A chunk of a PNG, with its checksum or with a wrong one."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data) ^ wrong)
