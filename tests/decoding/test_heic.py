"""HEIC, the photos of iPhones: read, turned and shown like any other image."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from app.datasets.inspection import Rejected, inspect
from app.datasets.pictures import picture_of
from app.db.engine import Database
from app.decoding.seen import decode_square
from tests.datasets.test_importing import classes, imported, pets, rejected, samples, write


def quarters(kind: str, *, turn: int = 1, mode: str = "RGB") -> bytes:
    """Red above blue, as a camera stores it that is held in this way (EXIF)."""
    image = Image.new("RGB", (64, 64), (220, 0, 0))
    image.paste((0, 0, 220), (0, 32, 64, 64))
    stored = {1: image, 3: image.rotate(180), 6: image.rotate(90), 8: image.rotate(-90)}[turn].convert(mode)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = turn
    file = io.BytesIO()
    stored.save(file, kind, exif=exif.tobytes())
    return file.getvalue()


@pytest.mark.parametrize("turn", [1, 3, 6, 8])
def test_a_heic_is_upright_for_networks_and_people_as_a_jpeg_is(turn: int, tmp_path: Path) -> None:
    heic, jpeg = quarters("HEIF", turn=turn), quarters("JPEG", turn=turn)
    seen = [decode_square(content, 32).astype(int) for content in (heic, jpeg)]
    assert np.abs(seen[0] - seen[1]).mean() < 4
    assert seen[0][4, 16, 0] > 180 > seen[0][28, 16, 0]  # red is above
    facts = inspect(heic, max_pixels=10_000)
    assert (facts.format, facts.width, facts.height) == ("HEIF", 64, 64)
    shown = picture_of(facts, size="original", read=lambda: heic, cache=tmp_path)
    assert shown.media_type == "image/png"  # few browsers show HEIC
    pixel = Image.open(io.BytesIO(shown.content)).convert("RGB").getpixel((32, 4))
    assert isinstance(pixel, tuple)
    assert pixel[0] > 180


def test_a_transparent_heic_lies_on_white() -> None:
    image = Image.new("RGBA", (32, 32), (0, 0, 0, 0))
    file = io.BytesIO()
    image.save(file, "HEIF")
    assert decode_square(file.getvalue(), 16).min() > 245


@pytest.mark.parametrize("suffix", [".heic", ".HEIF", ".hif", ".jpg"])
def test_photos_of_an_iphone_are_a_class(database: Database, tmp_path: Path, suffix: str) -> None:
    photos = {f"bird/{i}{suffix}": quarters("HEIF", turn=turn) for i, turn in enumerate((1, 6))}
    imported(database, write(tmp_path, pets() | photos))
    assert classes(database) == ["bird", "cat", "dog"]
    assert {samples(database)[path].format for path in photos} == {"HEIF"}


def test_a_heic_that_is_cut_is_refused_as_one(database: Database, tmp_path: Path) -> None:
    whole = quarters("HEIF")
    with pytest.raises(Rejected, match=r"HEIC|truncated or damaged"):
        inspect(whole[: len(whole) // 2], max_pixels=10_000)
    imported(database, write(tmp_path, pets() | {"cat/9.heic": whole[:60]}))
    assert rejected(database)["cat/9.heic"] == "truncated or damaged (it begins as HEIC)"
    with pytest.raises(Rejected, match="too large"):
        inspect(whole, max_pixels=1000)
