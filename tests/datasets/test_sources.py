"""From what a person gives to the source of an import."""

from pathlib import Path

import pytest

from app.datasets.sources import check_allowed, resolve_source
from app.errors import Forbidden, Invalid


def test_toploss_own_data_is_never_imported(tmp_path: Path) -> None:
    uploads = tmp_path / "data" / "uploads"
    uploads.mkdir(parents=True)
    for folder in (tmp_path, tmp_path / "data", uploads):
        with pytest.raises(Invalid, match="keeps its own data"):
            resolve_source(str(folder), uploads_dir=uploads)
    (tmp_path / "pets").mkdir()
    assert resolve_source(str(tmp_path / "pets"), uploads_dir=uploads).source == str(tmp_path / "pets")


@pytest.mark.parametrize(
    ("name", "words"), [("nowhere", "There is no folder or zip"), ("a.tar", "neither a folder nor a .zip")]
)
def test_what_is_neither_a_folder_nor_a_zip_is_refused_in_words(
    tmp_path: Path, name: str, words: str
) -> None:
    (tmp_path / "a.tar").touch()
    with pytest.raises(Invalid, match=words):
        resolve_source(str(tmp_path / name), uploads_dir=tmp_path / "data" / "uploads")


def test_a_path_that_no_system_can_look_up_is_refused(tmp_path: Path) -> None:
    for text in ("a\0b", "~nobody-of-this-name/x"):
        with pytest.raises(Invalid, match="no path that the server can look up"):
            resolve_source(text, uploads_dir=tmp_path)


def test_a_url_is_taken_as_it_is(tmp_path: Path) -> None:
    assert resolve_source("s3://bucket/pets", uploads_dir=tmp_path).source == "s3://bucket/pets"


def test_a_browser_names_only_places_in_the_folders_that_are_open(tmp_path: Path) -> None:
    roots = f"{tmp_path / 'a'}:{tmp_path / 'b'}"
    for path in ("a", "b/pets", "a/../b"):
        check_allowed(str(tmp_path / path), roots=roots)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "out").symlink_to(tmp_path)
    for text in (
        str(tmp_path / "ab"),
        str(tmp_path / "a" / ".."),
        str(tmp_path / "a" / "out"),
        "s3://b/pets",
    ):
        with pytest.raises(Forbidden):
            check_allowed(text, roots=roots)
    with pytest.raises(Forbidden):
        check_allowed(str(tmp_path), roots="")
