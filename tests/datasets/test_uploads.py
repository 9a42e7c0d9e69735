"""Uploaded zips are stored once."""

import hashlib
import io
import stat
import zipfile
from pathlib import Path

import pytest

from app.datasets.uploads import store_zip
from app.errors import Invalid


def a_zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("cat/1.png", b"x")
    return file.getvalue()


def test_a_zip_is_stored_once_under_its_hash_for_its_owner_only(tmp_path: Path) -> None:
    content, uploads = a_zip(), tmp_path / "data" / "uploads"
    first = store_zip(uploads, io.BytesIO(content), max_bytes=len(content))
    second = store_zip(uploads, io.BytesIO(content), max_bytes=len(content))
    assert first == second == uploads / f"{hashlib.sha256(content).hexdigest()}.zip"
    assert first.read_bytes() == content
    assert stat.S_IMODE(first.stat().st_mode) == 0o600
    assert list(uploads.iterdir()) == [first]


def test_a_zip_that_is_too_large_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="larger than 10 bytes"):
        store_zip(tmp_path, io.BytesIO(a_zip()), max_bytes=10)
    assert not list(tmp_path.iterdir())


def test_what_is_no_zip_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="This file is no zip"):
        store_zip(tmp_path, io.BytesIO(b"hello"), max_bytes=10)
    assert not list(tmp_path.iterdir())
