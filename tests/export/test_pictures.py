"""Images that leave in an export: names and bytes that every reader takes, and what is lost on the way."""

import io
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from app.db.engine import Database
from app.errors import Conflict
from app.export.checking import checked
from app.export.pictures import as_png, file_name
from app.export.rows import COLUMNS, ExportRow
from tests.export.pets import exported, imported, png, table, write

WITH_IMAGES = ("imagefolder", "huggingface", "fiftyone")


def row(path: str, image_format: str) -> ExportRow:
    return ExportRow(*[None] * len(COLUMNS), image_format, 0, None)._replace(path=path)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "image_format", "name"),
    [
        ("cat/a.png", "PNG", "a.png"),
        ("cat/a.JPG", "JPEG", "a.JPG"),
        ("cat/a.png", "JPEG", "a.png"),  # readers go by the content
        ("cat/a", "TIFF", "a.tif"),
        ("cat/a.jfif", "JPEG", "a.jfif.jpg"),
        ("cat/a.gif", "PNG", "a.gif.png"),
        ("cat/a.gif", "GIF", "a.gif.png"),
        ("cat/a.heic", "HEIF", "a.heic.png"),
        ("cat/a.jpg", "HEIF", "a.jpg.png"),
        ("cat/a.png", "GIF", "a.png"),
        ("cat/a.", "PNG", "a%2E.png"),
        ("cat/50%.png", "PNG", "50%.png"),
    ],
)
def test_a_file_has_a_suffix_that_torchvision_reads(path: str, image_format: str, name: str) -> None:
    assert file_name(row(path, image_format)) == name


def test_an_animation_becomes_its_first_frame_the_same_bytes_every_time() -> None:
    frames = [Image.new("L", (5, 3), value) for value in (10, 200)]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    made = as_png(out.getvalue())
    assert as_png(out.getvalue()) == made
    with Image.open(io.BytesIO(made)) as image:
        assert (image.format, image.size, image.getpixel((0, 0))) == ("PNG", (5, 3), (10, 10, 10))


@pytest.mark.parametrize("form", WITH_IMAGES)
def test_a_missing_file_is_named_before_the_first_byte_or_left_out_and_listed(
    sqlite_url: str, tmp_path: Path, form: str
) -> None:
    database = Database(sqlite_url)
    files = {f"{name}/{i}.png": png(50 * i + k) for k, name in enumerate(("cat", "dog")) for i in range(4)}
    version = imported(database, write(tmp_path / "pets", files))
    (tmp_path / "pets" / "cat" / "1.png").unlink()
    with pytest.raises(Conflict, match=r"cat/1\.png is missing"):
        checked(database, exported(database, version, form), skip_missing=False)
    left = checked(database, exported(database, version, form), skip_missing=True)
    archive = zipfile.ZipFile(io.BytesIO(b"".join(left.chunks)))
    assert archive.testzip() is None
    assert [each["path"] for each in table(archive.read("missing.csv"))] == ["cat/1.png"]
    during = exported(database, version, form)  # nobody has checked: it goes missing during the download
    archive = zipfile.ZipFile(io.BytesIO(b"".join(during.chunks)))
    assert [each["reason"] for each in table(archive.read("missing.csv"))] == ["missing"]
    database.close()


@pytest.mark.parametrize("form", ["imagefolder", "fiftyone"])
def test_the_folder_of_the_validation_part_has_the_name_that_was_chosen(
    database: Database, given_labels: int, form: str
) -> None:
    usual = exported(database, given_labels, form)
    named = exported(database, given_labels, form, valid_folder="validation")  # type: ignore[arg-type]
    parts = {
        name.split("/")[0]
        for name in zipfile.ZipFile(io.BytesIO(b"".join(named.chunks))).namelist()
        if "/" in name
    }
    assert parts == {"train", "validation"}
    assert named.etag != usual.etag
