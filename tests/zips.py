"""Zips as other systems make them."""

import io
import struct
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path


def zip_of(names: Sequence[bytes], *, extra: Sequence[bytes] = ()) -> io.BytesIO:
    """A zip whose entries have these names, byte by byte, and are not marked as UTF-8."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for place, name in enumerate(names):
            entry = zipfile.ZipInfo(f"{place:03}".ljust(len(name), "_"))
            entry.extra = extra[place] if extra else b""
            made.writestr(entry, name)
    content = bytearray(file.getvalue())
    for place, name in enumerate(names):
        stand_in = f"{place:03}".ljust(len(name), "_").encode()
        assert content.count(stand_in) == 2
        content = content.replace(stand_in, name)
    return io.BytesIO(bytes(content))


def stored(path: Path, names: Sequence[bytes], *, extra: Sequence[bytes] = ()) -> Path:
    path.write_bytes(zip_of(names, extra=extra).getvalue())
    return path


def unicode_path(name: str, *, of: bytes, version: int = 1) -> bytes:
    """Info-ZIP's field with the name in UTF-8, as 7-Zip and WinRAR write it."""
    content = struct.pack("<BI", version, zlib.crc32(of)) + name.encode()
    return struct.pack("<HH", 0x7075, len(content)) + content
