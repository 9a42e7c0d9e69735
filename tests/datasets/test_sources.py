"""From what a person gives to the source of an import."""

from pathlib import Path

import pytest

from app.datasets.sources import check_allowed, resolve_source
from app.errors import Forbidden, Invalid
from tests.zips import zip_of


def test_toploss_own_data_is_never_imported(tmp_path: Path) -> None:
    uploads = tmp_path / "data" / "uploads"
    uploads.mkdir(parents=True)
    for folder in (tmp_path, tmp_path / "data", uploads):
        with pytest.raises(Invalid, match="keeps its own data"):
            resolve_source(str(folder), uploads_dir=uploads)
    (tmp_path / "pets").mkdir()
    assert resolve_source(str(tmp_path / "pets"), uploads_dir=uploads).source == str(tmp_path / "pets")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("nowhere", None, "There is no folder or zip"),
        ("a.tar", b"", "is empty"),
        ("a.tar.gz", b"\x1f\x8b\x08" + bytes(50), "of the kind gzip, and Toploss reads only zip; unpack it"),
        ("a.7z", b"7z\xbc\xaf\x27\x1c", "of the kind 7-Zip"),
        ("a.zip", b"Rar!\x1a\x07\1\0", "of the kind RAR"),
        ("a.tar", bytes(257) + b"ustar\x0000", "of the kind tar"),
        ("a.zip", b"PK\3\4" + bytes(50), "whose end is missing or damaged"),
        ("a.z01", b"PK\7\x08PK\3\4", "one part of a zip in several parts"),
        ("a.png", b"\x89PNG\r\n\x1a\n", r"is a single image \(PNG\), no zip"),
        ("a.zip", b"qoif" + bytes(50), r"is a single image \(QOI\), no zip"),
        ("a.zip", b"hello", "no zip, or it is damaged"),
        ("a.cbz", zip_of([b"cat/1.png"]).getvalue(), "is a zip, but its name does not say so"),
    ],
)
def test_what_is_neither_a_folder_nor_a_zip_is_refused_with_its_kind_and_what_to_do(
    tmp_path: Path, name: str, content: bytes | None, words: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(Invalid, match=words):
        resolve_source(str(tmp_path / name), uploads_dir=tmp_path / "data" / "uploads")
    assert not list(tmp_path.glob("data/uploads/*"))


def test_a_path_that_no_system_can_look_up_is_refused(tmp_path: Path) -> None:
    for text in ("a\0b", "~nobody-of-this-name/x"):
        with pytest.raises(Invalid, match="no path that the server can look up"):
            resolve_source(text, uploads_dir=tmp_path)


def test_a_url_is_taken_as_it_is(tmp_path: Path) -> None:
    assert resolve_source("s3://bucket/pets", uploads_dir=tmp_path).source == "s3://bucket/pets"


@pytest.mark.parametrize("url", ["https://", "s3:///", "gs:////"])
def test_a_url_without_a_server_is_no_folder_of_this_machine(url: str, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="names no server"):
        resolve_source(url, uploads_dir=tmp_path)


def test_a_browser_names_only_places_in_the_folders_that_are_open(tmp_path: Path) -> None:
    roots = f"{tmp_path / 'a'}:{tmp_path / 'b'}"
    for path in ("a", "b/pets", "a/../b"):
        check_allowed(str(tmp_path / path), roots=roots, urls=False)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "out").symlink_to(tmp_path)
    for text in (
        str(tmp_path / "ab"),
        str(tmp_path / "a" / ".."),
        str(tmp_path / "a" / "out"),
        "s3://b/pets",
    ):
        with pytest.raises(Forbidden):
            check_allowed(text, roots=roots, urls=False)
    with pytest.raises(Forbidden):
        check_allowed(str(tmp_path), roots="", urls=False)
