"""Uploaded zips, each stored once under its content's hash."""

import hashlib
import io
import os
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import BinaryIO

from app import deadline
from app.datasets.kinds import ARCHIVES, HEAD, image_kind, is_tar, picture_kind
from app.datasets.labels.tables import only_label_file
from app.errors import Invalid
from app.files import temporary_file

BLOCK = 1024**2
PARQUET = b"PAR1"
ZIP_STARTS = (b"PK\3\4", b"PK\7\x08", b"PK00")  # the last two of a zip in several parts


def store_zip(uploads_dir: Path, file: BinaryIO, *, max_bytes: int) -> Path:
    """Copy a zip of at most `max_bytes` to `<sha256>.zip` in `uploads_dir`, readable by its owner only.

    The same zip is kept once. Raises Invalid when it is too large or no zip, and then keeps nothing.
    """
    uploads_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with temporary_file(uploads_dir) as temporary:
        with temporary.open("wb") as copy:
            digest = _copy(file, copy, max_bytes=max_bytes)
        with temporary.open("rb") as stored:  # is_zipfile says no to a path that it cannot open now
            is_zip = zipfile.is_zipfile(stored)
        if not is_zip:
            raise Invalid(no_zip("This file", temporary))
        path = uploads_dir / f"{digest}.zip"
        temporary.replace(path)  # may replace a file with the same content
    deadline.restart()  # storing a large zip takes time, but no lock is held
    return path


def keep_zip(uploads_dir: Path, made: Path) -> Path:
    """Keep a zip that was made in `uploads_dir` under its content's hash."""
    with made.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    path = uploads_dir / f"{digest}.zip"
    made.replace(path)
    deadline.restart()
    return path


def store_label_file(uploads_dir: Path, file: BinaryIO, *, name: str, max_bytes: int) -> tuple[Path, str]:
    """As `store_labels`, of a zip the one label file in it; with the name of the file. Raises Invalid."""
    content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise Invalid(f"The label file is larger than {max_bytes:,} bytes; send it in parts.")
    content, name = only_label_file(content, name=name)
    return store_labels(uploads_dir, io.BytesIO(content), max_bytes=max_bytes), name


def store_labels(uploads_dir: Path, file: BinaryIO, *, max_bytes: int) -> Path:
    """Copy a label file of at most `max_bytes` to `<sha256>.labels` in `uploads_dir`; raises Invalid."""
    uploads_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with temporary_file(uploads_dir) as temporary:
        with temporary.open("wb") as copy:
            digest = _copy(file, copy, max_bytes=max_bytes, what="label file")
        path = uploads_dir / f"{digest}.labels"
        temporary.replace(path)
    deadline.restart()
    return path.resolve()


def check_upload(uploads_dir: Path, *, name: str, size: int, start: bytes, max_bytes: int) -> None:
    """Raises Invalid for a file of `size` bytes that need not be sent, since it would be refused.

    `start` are its first bytes, HEAD at most.
    """
    if not size:
        raise Invalid(no_zip_words(name, b""))
    if size > max_bytes:
        raise Invalid(
            f"{name} has {_gigabytes(size)}, and at most {_gigabytes(max_bytes)} can be sent; import it from "
            "a folder on the server, or raise TOPLOSS_MAX_UPLOAD_MB."
        )
    known = start.startswith((*ZIP_STARTS, PARQUET)) or (
        name.casefold().endswith(".zip") and not _kind_of(start)  # something may stand before a zip
    )
    if not known:
        raise Invalid(no_zip_words(name, start))
    if (free := room_for_uploads(uploads_dir)) < size:
        raise Invalid(
            f"{name} has {_gigabytes(size)}, and the server has room for {_gigabytes(free)}; free some disk "
            "space, or import from a folder on the server."
        )


def room_for_uploads(uploads_dir: Path) -> int:
    """Bytes of the largest file that can be received now: it is spooled first, then stored."""
    place = next(each for each in (uploads_dir, *uploads_dir.parents) if each.exists())
    spool = Path(tempfile.gettempdir())
    free = shutil.disk_usage(place).free
    if place.stat().st_dev == spool.stat().st_dev:
        return free // 2
    return min(free, shutil.disk_usage(spool).free)


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e8 else f"{max(1, round(size / 1e6)):,} MB"  # noqa: PLR2004


def no_zip(name: str, path: Path) -> str:
    """The sentence about a file that cannot be opened as a zip: what it is, and what to do."""
    with path.open("rb") as file:
        return no_zip_words(name, file.read(HEAD))


def no_zip_words(name: str, head: bytes) -> str:
    """The same from the first bytes of the file."""
    if not head:
        return f"{name} is empty; zip the folder of class folders again."
    if archive := _archive(head):
        return (
            f"{name} is an archive of the kind {archive}, and Toploss reads only zip; unpack it, "
            "and import the folder or a zip of it."
        )
    if head.startswith(ZIP_STARTS):
        return (
            f"{name} is a zip whose end is missing or damaged, or one part of a zip in several parts; copy "
            "it again, or zip the folder of class folders anew as one file."
        )
    if kind := _picture(head):
        return f"{name} is a single image ({kind}), no zip; zip the folder of class folders."
    return f"{name} is no zip, or it is damaged; zip the folder of class folders again."


def _archive(head: bytes) -> str:
    found = next((kind for beginning, kind in ARCHIVES.items() if head.startswith(beginning)), "")
    return found or ("tar" if is_tar(head) else "")


def _picture(head: bytes) -> str:
    return image_kind(head) or picture_kind(head) or ""


def _kind_of(head: bytes) -> str:
    """What begins like this, if it is a known kind that is no zip; else an empty text."""
    return _archive(head) or _picture(head)


def _copy(file: BinaryIO, copy: BinaryIO, *, max_bytes: int, what: str = "zip") -> str:
    digest = hashlib.sha256()
    size = 0
    while block := file.read(BLOCK):
        size += len(block)
        if size > max_bytes:
            raise Invalid(
                f"The {what} is larger than {max_bytes:,} bytes; import it from a folder on the server, or "
                "raise the limit."
            )
        digest.update(block)
        copy.write(block)
    copy.flush()
    os.fsync(copy.fileno())
    return digest.hexdigest()
