"""Files that are no images for us are named for what they are, by their content."""

import io
import struct
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from PIL import Image, TiffImagePlugin

from app.datasets.inspection import Rejected, inspect
from app.datasets.kinds import reason_by_name, reason_of
from app.datasets.layout import IMAGE_SUFFIXES
from app.datasets.missing import files_of, look
from app.db.engine import Database
from app.errors import Invalid
from app.storage import open_source
from tests.datasets.test_importing import classes, imported, pets, png, rejected, samples, write

JXL = b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(100)
PICTURES = {
    "JPEG XL": JXL,
    "OpenEXR": b"v/1\x01" + bytes(100),
    "a camera's RAW": b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(100),
    "PDF": b"%PDF-1.7\n%\xe2\xe3",
    "SVG": b'<?xml version="1.0"?>\n<!-- drawn -->\n<svg xmlns="http://www.w3.org/2000/svg"/>',
    "Photoshop": b"8BPS\0\1" + bytes(50),
    "DICOM": bytes(128) + b"DICM" + bytes(50),
}


def tiff(**tags: int) -> bytes:
    """A small TIFF with more tags, each of one number."""
    more = TiffImagePlugin.ImageFileDirectory_v2()
    for name, value in tags.items():
        tag = int(name.removeprefix("tag"))
        more.tagtype[tag] = 4
        more[tag] = value
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (9, 99, 199)).save(file, "TIFF", tiffinfo=more)
    return file.getvalue()


@pytest.mark.parametrize("kind", PICTURES)
def test_a_picture_that_cannot_be_read_is_named_and_a_person_told_what_to_do(kind: str) -> None:
    with pytest.raises(Rejected) as refusal:
        inspect(PICTURES[kind], max_pixels=1000)
    assert refusal.value.reason == f"{kind}, which Toploss cannot read; convert it to JPEG or PNG"


def saved(kind: str, mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").resize((16, 16)).convert(mode).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "kind", "suffix"),
    [
        *((saved("TGA", mode), "TGA", ".tga") for mode in ("1", "L", "P", "RGB", "RGBA")),
        *((saved("PCX", mode), "PCX", ".pcx") for mode in ("1", "L", "P", "RGB")),
        *((saved("SGI", mode), "SGI", ".rgb") for mode in ("L", "RGB", "RGBA")),
        (saved("QOI"), "QOI", ".qoi"),
        (saved("EPS"), "PostScript", ".eps"),
        (saved("XBM", "1"), "XBM", ".xbm"),
        (saved("ICNS"), "an icon", ".icns"),
        (b"Image type: RGB image" + bytes(50), "IM", ""),
        (saved("BLP", "P"), "BLP", ""),
        (saved("MSP", "1"), "Microsoft Paint (MSP)", ""),
    ],
)
def test_old_and_rare_pictures_are_named_by_content_and_name(content: bytes, kind: str, suffix: str) -> None:
    with pytest.raises(Rejected) as refusal:
        inspect(content, max_pixels=1000)
    assert refusal.value.reason == f"{kind}, which Toploss cannot read; convert it to JPEG or PNG"
    assert not suffix or reason_by_name(f"a/1{suffix}") == refusal.value.reason


def test_a_file_that_its_content_does_not_name_is_named_by_its_suffix(
    database: Database, tmp_path: Path
) -> None:
    imported(database, write(tmp_path / "pets", {**pets(), "cat/x.tga": b"?" * 50, "cat/y.png": b"?" * 50}))
    assert rejected(database) == {
        "cat/x.tga": "TGA, which Toploss cannot read; convert it to JPEG or PNG",
        "cat/y.png": "not an image",
    }


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (bytes(257) + b"ustar\x0000" + bytes(250), "tar, an archive in the source; unpack it first"),
        (b"BZh91AY&SY" + bytes(50), "bzip2, an archive"),
        (b"ID3\4" + bytes(50), "sound"),
        (b"PK\3\4" + bytes(50), "unpack it first"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "git lfs pull"),
        (b"<!DOCTYPE html><title>404</title>", "a web page"),
        (b"\0\0\0\x18ftypisom" + bytes(50), "a video"),
        (b"\x93NUMPY\1\0", "NumPy"),
    ],
)
def test_other_files_are_named_too(content: bytes, words: str) -> None:
    with pytest.raises(Rejected) as refusal:
        inspect(content, max_pixels=1000)
    assert words in refusal.value.reason


def encoded(kind: str) -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF", "WEBP", "JPEG2000", "AVIF"])
@pytest.mark.parametrize("kept", [16, 40, 0.5])
def test_an_image_that_was_cut_off_is_called_truncated_however_little_is_left(kind: str, kept: float) -> None:
    content = encoded(kind)
    with pytest.raises(Rejected, match="truncated or damaged"):
        inspect(content[: kept if isinstance(kept, int) else int(len(content) * kept)], max_pixels=100_000)


def test_a_file_of_zeros_is_called_damaged() -> None:
    with pytest.raises(Rejected, match="nothing but zeros"):
        inspect(bytes(5000), max_pixels=1000)


def test_an_avif_outside_of_the_classes_is_not_called_unreadable(database: Database, tmp_path: Path) -> None:
    root = write(tmp_path / "pets", {**pets(), "loose.avif": encoded("AVIF"), "old.zip": b"PK\3\4"})
    imported(database, root)
    assert rejected(database) == {
        "loose.avif": "not inside a class folder",
        "old.zip": "an archive in the source; unpack it first",
    }


def test_a_zip_of_zips_is_refused_with_what_to_do(database: Database, tmp_path: Path) -> None:
    root = write(tmp_path / "kaggle", {"train.zip": b"PK\3\4", "test1.zip": b"PK\3\4"})
    with pytest.raises(Invalid, match="All 2 files are refused: an archive in the source; unpack it first"):
        imported(database, root)


@pytest.mark.parametrize(
    "content", [b"hello", b"\0" * 300, b"II*\0\xff\xff\xff\xff", b"II*\0", b"\0\0\0\0ftyp", b"x" * 5]
)
def test_what_tells_nothing_has_no_name(content: bytes) -> None:
    assert reason_of(content) in ("", "a video, not an image; save its frames as images")


def test_the_preview_in_a_cameras_raw_is_not_taken_for_the_image() -> None:
    for raw in (tiff(tag50706=0x01040000), tiff(tag254=1, tag330=8)):
        with pytest.raises(Rejected, match="a camera's RAW"):
            inspect(raw, max_pixels=1000)
    for image in (tiff(), tiff(tag254=0, tag330=8)):  # a microscope's pyramid begins with the image itself
        assert inspect(image, max_pixels=1000).format == "TIFF"
    assert struct.unpack("<H", tiff()[2:4]) == (42,)


# --- in an import ---


def test_a_class_of_which_nothing_can_be_read_is_missed_aloud(database: Database, tmp_path: Path) -> None:
    jxl, fish = {f"bird/{i}.jxl": JXL + bytes([i]) for i in range(4)}, {"fish/1.exr": PICTURES["OpenEXR"]}
    broken = {f"owl/{i}.png": png(i, size=90)[:60] for i in range(2)}
    report = imported(
        database,
        write(tmp_path, pets() | jxl | fish | broken | {"cat/9.JXL": JXL, "docs/a.pdf": b"%PDF-1"}),
    )
    assert classes(database) == ["cat", "dog", "owl"]
    reasons = rejected(database)
    assert all(reasons[path].startswith("JPEG XL, which") for path in (*jxl, "cat/9.JXL"))
    assert reasons["fish/1.exr"].startswith("OpenEXR, which")
    assert any(
        note.startswith("Class “bird” has no image: none of its 4 files can be read (JPEG XL); convert")
        for note in report.notes
    )
    assert any(note.startswith("Class “fish” has no image: its only file") for note in report.notes)
    assert any(note.startswith("Class “owl” has no image: none of its 2 files") for note in report.notes)
    assert not any("“cat”" in note or "“dog”" in note for note in report.notes)


def test_a_class_is_complete_once_its_files_were_converted(database: Database, tmp_path: Path) -> None:
    root = write(tmp_path / "pets", pets() | {"bird/1.jxl": JXL})
    imported(database, root)
    report = imported(database, write(root, {"bird/1.jpg": png(201)}))
    assert classes(database) == ["cat", "dog", "bird"]
    assert not any(note.startswith("Class “bird” has no image") for note in report.notes)


def test_a_source_of_such_files_alone_is_refused_with_their_name(database: Database, tmp_path: Path) -> None:
    root = write(tmp_path / "pets", {f"{name}/{i}.jxl": JXL for name in ("cat", "dog") for i in range(3)})
    with pytest.raises(
        Invalid, match="All 6 files are refused: JPEG XL, which Toploss cannot read; convert it"
    ):
        imported(database, root)


def test_an_image_that_its_name_hides_is_told(database: Database, tmp_path: Path) -> None:
    imported(database, write(tmp_path / "pets", pets() | {"bird/1.jxl": png(3), "notes/1.txt": png(4)}))
    assert rejected(database) == {
        "bird/1.jxl": (
            "not inside a class folder: it is a PNG, but its name does not say so; give it the suffix .png"
        ),
        "notes/1.txt": "not inside a class folder",
    }


# --- from a web server ---


def test_importing_again_from_a_server_that_tells_no_sizes_knows_every_image(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = MemoryFileSystem.find

    def without_sizes(*args: object, **options: object) -> dict[str, dict[str, object]]:  # as HTTP lists them
        return {path: info | {"size": None} for path, info in find(*args, **options).items()}

    monkeypatch.setattr(MemoryFileSystem, "find", without_sizes)
    monkeypatch.setattr(MemoryFileSystem, "size", lambda *_: None)
    files = fsspec.filesystem("memory")
    files.pipe({f"/web/{path}": content for path, content in pets().items()})
    assert imported(database, "memory://web").added == 10
    files.pipe({"/web/cat/new.png": png(77)})
    again = imported(database, "memory://web")
    assert (again.known, again.added, again.rejected, again.notes) == (10, 1, 0, ())
    source = open_source("memory://web")
    with database.read() as session:
        assert not any(look(source, file, content=True) for file in files_of(session, dataset_id=1))
    assert len(samples(database)) == 11
    monkeypatch.undo()
    files.rm("/web", recursive=True)


@pytest.mark.parametrize(("name", "kind"), [("1.PDF", "PDF"), ("2.jxl", "JPEG XL"), ("a/3.svg", "SVG")])
def test_the_name_and_the_content_give_the_same_reason(name: str, kind: str) -> None:
    assert reason_by_name(name) == reason_of(PICTURES[kind])


def test_a_name_says_nothing_of_an_image_and_of_an_ending_that_nobody_knows() -> None:
    names = [
        f"a.jxl/1{suffix}" for suffix in IMAGE_SUFFIXES if not suffix.startswith((".avif", ".jp", ".j2"))
    ]
    assert {reason_by_name(name) for name in [*names, "a/1.JPG", "a/1", "jxl", "a/1.xyz"]} == {""}


def test_an_image_that_this_pillow_was_built_without_is_refused_by_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("PIL.features.check", lambda feature: feature != "avif")
    assert reason_by_name("1.avif") == "AVIF, which Toploss cannot read; convert it to JPEG or PNG"
    assert reason_by_name("1.webp") == ""
